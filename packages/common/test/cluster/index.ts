/** Access to a real control plane, for the cluster tests, measurements and chaos runs of any package. */
export { type ApiClient, ApiError } from '../../src/kubernetes/api-client.ts';
export { createApiClient } from '../../src/kubernetes/http-client.ts';
export { FaultProxy } from './fault-proxy.ts';
export { follow, type Named, type Until } from './follow.ts';
export { SERVICE_RULES, TestCluster } from './test-cluster.ts';
