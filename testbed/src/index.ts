export { Component } from './component.ts';
export { connect, Kube, KubeError, type KubeObject } from './kube.ts';
export type { Image, ImageTable } from './process-node/image-table.ts';
export { findMissingRequirement } from './process-node/missing-requirement.ts';
export { RUNS_PODS } from './process-node/node-object.ts';
export {
  PROCESS_NODES,
  ProcessNode,
  type ProcessNodeOptions,
} from './process-node/process-node.ts';
export { Queue } from './queue.ts';
export { startTestbed, Testbed, type TestbedOptions } from './testbed.ts';
export { until } from './until.ts';
