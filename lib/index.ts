export { type AnalyzeVotesOptions, analyzeVotes, formatAnalysis, type LfAnalysis } from './analyze.js';
export { type Dependency, suggestDependencies } from './dependencies.js';
export { EmbeddingSet, type EmbeddingSetOptions, type Embeddings } from './embedding-set.js';
export {
  EndModel,
  type EndModelInput,
  type EndModelJSON,
  type EndModelReport,
  fitEndModel,
  fitEndModelAsync,
} from './end-model.js';
export { Epoxy } from './epoxy.js';
export type { EpoxyJSON, PosteriorExtensionJSON } from './epoxy-json.js';
export type { EpoxyInput, EpoxyReport, ThresholdReport } from './epoxy-types.js';
export {
  type ExtendedVotes,
  type ExtendVotesInput,
  type ExtensionInput,
  extendVotes,
  extendVotesAsync,
  NearestVoters,
  type VotedRows,
} from './extend.js';
export type { Gold } from './gold.js';
export {
  type GraphLf,
  GraphModel,
  type GraphModelJSON,
  type GraphOptions,
  type GraphPredictOptions,
} from './graph-model.js';
export {
  type ClassBalance,
  type ClassBalanceSource,
  type ClassShareInterval,
  type FlyingSquidCompat,
  type LabelMethod,
  LabelModel,
  type LabelModelJSON,
  type LabelModelOptions,
  type LfAccuracy,
  type PredictOptions,
} from './label-model.js';
export {
  type PairwiseDistancesOptions,
  type PairwiseSimilaritiesOptions,
  pairwiseDistances,
  pairwiseDistancesAsync,
  pairwiseSimilarities,
  pairwiseSimilaritiesAsync,
} from './pairwise.js';
export type { PartitionReport } from './partition-choice.js';
export type { PartitionsJSON } from './partitioned-model.js';
export type { SmoothingReport } from './posterior-choice.js';
export { entropy, type Reliability, type ReliabilityBin, reliability } from './reliability.js';
export { type CpuDevice, type CudaDevice, type Device, devices, type NoCudaDevice, setThreads } from './runtime.js';
export { Session } from './session.js';
export type { Evidence, Explanation, NeighborEvidence } from './session-explain.js';
export type { LfStatistics, SessionReport } from './session-report.js';
export type { ConflictingLfs, Suggestions, UncoveredRegion, WeakLf } from './session-suggest.js';
export type { SessionChange, SessionGold, SessionInput, SessionLf } from './session-types.js';
export { type TopKOptions, type TopKResult, topK, topKAsync } from './top-k.js';
export type { TransformJSON, TransformName, TransformOptions } from './transform.js';
export type { TransformScores } from './transform-choice.js';
export type {
  AsyncOptions,
  CallOptions,
  DeviceChoice,
  FloatMatrix,
  FloatResult,
  Metric,
  SearchOptions,
  VoteMatrix,
  Votes,
} from './types.js';
export {
  countVotes,
  countVotesAsync,
  type ToVotesOptions,
  toVotes,
  VoteCounts,
  type VoteCountsJSON,
  type VoteEncoding,
} from './votes.js';
