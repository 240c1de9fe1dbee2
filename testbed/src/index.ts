export { Component } from './component.ts';
export { connect, Kube, KubeError, type KubeObject } from './kube.ts';
export { startTestbed, Testbed, type TestbedOptions } from './testbed.ts';
export { until } from './until.ts';
