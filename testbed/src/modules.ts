export interface GoModule {
  /** Folder under `go/`, and name of the binary. */
  name: string;
  /** What `go build` builds. */
  command: string;
  /** Upstream modules whose versions are reported; the first one's source holds the manifests. */
  upstream: string[];
  ldflags?: (version: string) => string[];
  /** For what no flag changes: a `main` package of one file, built with one piece of its text replaced. */
  patch?: { file: string; from: string; to: string };
}

/** Name of the folder, within a test bed's, that holds Kueue's serving certificate. */
export const kueueCerts = 'kueue-certs';

export const modules: readonly GoModule[] = [
  { name: 'helper', command: '.', upstream: [] },
  {
    name: 'control-plane',
    command: '.',
    upstream: ['k8s.io/kubernetes', 'go.etcd.io/etcd/server/v3'],
    // Without these the API server calls itself v0.0.0, and clients that read its version misjudge it.
    ldflags: (version) => {
      const [major, minor] = version.slice(1).split('.');
      const target = 'k8s.io/component-base/version';
      return [
        `-X ${target}.gitVersion=${version}`,
        `-X ${target}.gitMajor=${major}`,
        `-X ${target}.gitMinor=${minor}`,
      ];
    },
  },
  {
    name: 'trainer',
    command: 'github.com/kubeflow/trainer/v2/cmd/trainer-controller-manager',
    upstream: ['github.com/kubeflow/trainer/v2'],
    // Upstream reads one fixed folder under /tmp, which two test beds would share.
    ldflags: () => ['-X github.com/kubeflow/trainer/v2/pkg/util/cert.certDir=serving-certs'],
  },
  {
    name: 'jobset',
    command: 'sigs.k8s.io/jobset',
    upstream: ['sigs.k8s.io/jobset'],
    ldflags: (version) => [`-X sigs.k8s.io/jobset/pkg/version.GitVersion=${version}`],
  },
  {
    name: 'kwok',
    command: 'sigs.k8s.io/kwok/cmd/kwok',
    upstream: ['sigs.k8s.io/kwok'],
  },
  {
    name: 'kueue',
    command: '.',
    upstream: ['sigs.k8s.io/kueue'],
    ldflags: (version) => [
      `-X sigs.k8s.io/kueue/pkg/version.GitVersion=${version}`,
      // Upstream's is the root's /visibility, which all test beds would share.
      `-X sigs.k8s.io/kueue/pkg/visibility.certDir=${kueueCerts}`,
    ],
    // Without certificate management of its own it wants a certificate for its metrics in this one
    // folder, even when it serves none. A relative path is looked for in the test bed's folder.
    patch: { file: 'cmd/kueue/main.go', from: '/etc/kueue/metrics/certs', to: kueueCerts },
  },
];
