export { setThreads } from './runtime.js';
export type { AsyncOptions, CallOptions, FloatMatrix, FloatResult, Metric, VoteMatrix } from './types.js';
