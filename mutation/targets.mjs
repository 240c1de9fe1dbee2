const COMMON = 'packages/common/src';

/** What can be mutated, and the unit tests that have to notice it. */
export const targets = {
  controller: { mutate: [`${COMMON}/controller`], tests: [`${COMMON}/controller`] },
  // What speaks to webhooks needs sockets, for which there are too many mutants.
  callbacks: {
    mutate: [`${COMMON}/callbacks`],
    except: [`${COMMON}/callbacks/http`],
    tests: [`${COMMON}/callbacks`],
  },
  status: {
    mutate: [`${COMMON}/runners/kubeflow/status`],
    tests: [`${COMMON}/runners/kubeflow/status`],
  },
  requests: { mutate: [`${COMMON}/requests`], tests: [`${COMMON}/requests`] },
  backends: { mutate: [`${COMMON}/backends`], tests: [`${COMMON}/backends`] },
};

/** The target that `main.mjs` was asked for; Stryker's processes learn of it by the environment. */
export const chosen = () => targets[process.env.MUTATION_TARGET];
