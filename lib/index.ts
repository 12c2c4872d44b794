export { EmbeddingSet, type EmbeddingSetOptions, type Embeddings } from './embedding-set.js';
export {
  type ExtendedVotes,
  type ExtendVotesInput,
  type ExtensionInput,
  extendVotes,
  extendVotesAsync,
  NearestVoters,
  type VotedRows,
} from './extend.js';
export {
  type PairwiseDistancesOptions,
  type PairwiseSimilaritiesOptions,
  pairwiseDistances,
  pairwiseDistancesAsync,
  pairwiseSimilarities,
  pairwiseSimilaritiesAsync,
} from './pairwise.js';
export { type Device, devices, setThreads } from './runtime.js';
export { type TopKOptions, type TopKResult, topK, topKAsync } from './top-k.js';
export type { AsyncOptions, CallOptions, FloatMatrix, FloatResult, Metric, VoteMatrix } from './types.js';
