/**
 * How simulated pods behave, as kwok Stages. An option of a pod is looked for in the arguments
 * (`--testbed-NAME=value`) of its containers, then in their environment (`TESTBED_NAME`),
 * then in the pod's annotations (`testbed/NAME`).
 */
const lookup = [
  'def option($name): [',
  '(.spec.containers[] | (.command[]?, .args[]?) | strings | select(startswith("--testbed-" + $name + "=")) | ltrimstr("--testbed-" + $name + "=")),',
  '(.spec.containers[].env[]? | select(.name == "TESTBED_" + ($name | ascii_upcase | gsub("-"; "_"))) | .value),',
  '.metadata.annotations["testbed/" + $name]',
  '] | map(select(. != null and . != "")) | first // empty;',
].join(' ');

const outcome = `${lookup} option("outcome") // "succeeded"`;
const runMs = `${lookup} (option("run-ms") // (if any(.spec.containers[]; .name | test("-initializer$")) then "100" else "300" end)) + "ms"`;
const millisecondsOf = (name: string, fallback: number) =>
  `${lookup} (option("${name}") // "${fallback}") + "ms"`;

type Requirement = {
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  values?: string[];
};

const alive: Requirement = { key: '.metadata.deletionTimestamp', operator: 'DoesNotExist' };
const dying: Requirement = { key: '.metadata.deletionTimestamp', operator: 'Exists' };
const untouched: Requirement = { key: '.status.containerStatuses', operator: 'DoesNotExist' };
const phaseIs = (...values: string[]): Requirement => ({
  key: '.status.phase',
  operator: 'In',
  values,
});
const outcomeIs = (...values: string[]): Requirement => ({ key: outcome, operator: 'In', values });

/** The same look-up in a Go template, into a variable. */
function templateOption(name: string, fallback: string): string {
  const flag = `--testbed-${name}=`;
  const variable = `$${name.replaceAll('-', '_')}`;
  const env = `TESTBED_${name.toUpperCase().replaceAll('-', '_')}`;
  const take = (source: string) =>
    `{{ range ${source} }}{{ if hasPrefix "${flag}" . }}{{ ${variable} = trimPrefix "${flag}" . }}{{ end }}{{ end }}`;
  return [
    `{{ ${variable} := "${fallback}" }}`,
    `{{ with .metadata.annotations }}{{ with index . "testbed/${name}" }}{{ ${variable} = . }}{{ end }}{{ end }}`,
    '{{ range .spec.containers }}',
    `{{ range .env }}{{ if eq .name "${env}" }}{{ ${variable} = .value }}{{ end }}{{ end }}`,
    take('.command'),
    take('.args'),
    '{{ end }}',
  ].join('');
}

const addresses = `
{{ $hostIPs := NodeIPsWith .spec.nodeName }}
{{ with $hostIPs }}
hostIP: {{ index . 0 | Quote }}
{{ end }}
{{ $podIPs := PodIPsWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) }}
{{ with $podIPs }}
podIP: {{ index . 0 | Quote }}
podIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}`;

function conditions(ready: boolean, reason: string): string {
  const status = ready ? 'True' : 'False';
  const why = reason && `\n  reason: ${reason}`;
  const condition = (type: string, value: string, extra: string) =>
    `- type: ${type}\n  status: "${value}"\n  lastTransitionTime: {{ $now | Quote }}${extra}`;
  return [
    'conditions:',
    condition('Initialized', 'True', ''),
    condition('Ready', status, why),
    condition('ContainersReady', status, why),
  ].join('\n');
}

const running = `
{{ $now := Now }}
${conditions(true, '')}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  ready: true
  started: true
  restartCount: 0
  state:
    running:
      startedAt: {{ $now | Quote }}
{{ end }}
${addresses}
phase: Running
startTime: {{ $now | Quote }}`;

function waiting(reason: string): string {
  return `
{{ $now := Now }}
${conditions(false, 'ContainersNotReady')}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  ready: false
  started: false
  restartCount: 0
  state:
    waiting:
      reason: ${reason}
      message: {{ printf "Back-off pulling image %s" .image | Quote }}
{{ end }}
${addresses}
phase: Pending
startTime: {{ $now | Quote }}`;
}

function terminated(options: {
  phase: string;
  reason: string;
  exitCode: string;
  podReason: string;
}): string {
  return `
{{ $now := Now }}
{{ $statuses := .status.containerStatuses }}
${templateOption('message', '')}
${templateOption('exit-code', '1')}
${conditions(false, options.podReason)}
containerStatuses:
{{ range $index, $container := .spec.containers }}
- name: {{ $container.name | Quote }}
  image: {{ $container.image | Quote }}
  ready: false
  started: false
  restartCount: 0
  state:
    terminated:
      exitCode: ${options.exitCode}
      reason: ${options.reason}
      message: {{ $message | Quote }}
      startedAt: {{ (index $statuses $index).state.running.startedAt | Quote }}
      finishedAt: {{ $now | Quote }}
{{ end }}
phase: ${options.phase}`;
}

function stage(
  name: string,
  match: Requirement[],
  delay: string | undefined,
  template: string | undefined,
  remove = false,
) {
  const patch = template && { subresource: 'status', root: 'status', type: 'strategic', template };
  return {
    apiVersion: 'kwok.x-k8s.io/v1alpha1',
    kind: 'Stage',
    metadata: { name },
    spec: {
      resourceRef: { apiGroup: 'v1', kind: 'Pod' },
      selector: { matchExpressions: match },
      ...(delay && { delay: { durationMilliseconds: 0, durationFrom: { expressionFrom: delay } } }),
      steps: [...(patch ? [{ patch }] : []), ...(remove ? [{ delete: true }] : [])],
    },
  };
}

const killed = terminated({
  phase: 'Failed',
  reason: 'Error',
  exitCode: '143',
  podReason: 'PodFailed',
});

export const podStages = [
  stage(
    'pod-start',
    [alive, untouched, outcomeIs('succeeded', 'failed', 'oom', 'never')],
    millisecondsOf('start-ms', 20),
    running,
  ),
  stage(
    'pod-image-pull',
    [alive, untouched, outcomeIs('image-pull')],
    undefined,
    waiting('ImagePullBackOff'),
  ),
  stage(
    'pod-succeed',
    [alive, phaseIs('Running'), outcomeIs('succeeded')],
    runMs,
    terminated({
      phase: 'Succeeded',
      reason: 'Completed',
      exitCode: '0',
      podReason: 'PodCompleted',
    }),
  ),
  stage(
    'pod-fail',
    [alive, phaseIs('Running'), outcomeIs('failed')],
    runMs,
    terminated({
      phase: 'Failed',
      reason: 'Error',
      exitCode: '{{ $exit_code }}',
      podReason: 'PodFailed',
    }),
  ),
  stage(
    'pod-oom',
    [alive, phaseIs('Running'), outcomeIs('oom')],
    runMs,
    terminated({ phase: 'Failed', reason: 'OOMKilled', exitCode: '137', podReason: 'PodFailed' }),
  ),
  // A kubelet, too, reports the containers' end before it removes a pod; Job's bookkeeping relies on it.
  stage(
    'pod-terminate',
    [dying, phaseIs('Running')],
    millisecondsOf('terminate-ms', 0),
    killed,
    true,
  ),
  stage(
    'pod-remove',
    [dying, phaseIs('Pending', 'Succeeded', 'Failed')],
    undefined,
    undefined,
    true,
  ),
];
