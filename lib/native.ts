// Finds and loads the addon, and says what its functions take. Everything here is private to the facade.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type {
  EndModelAddon,
  GraphModelAddon,
  LabelModelAddon,
  PartitionsAddon,
  SoftVotesAddon,
  VotesAddon,
} from './models-native.js';
import type { SessionAddon } from './session-native.js';
import type { Metric } from './types.js';

/** [cancel, progress in parts per thousand] on shared memory: given -> the call is a job and returns a promise. */
export type Control = Int32Array<SharedArrayBuffer> | undefined;
/** What a native call that may be a job returns. */
export type Call = Promise<undefined> | undefined;

declare const brand: unique symbol;
/** A native object held by JavaScript. */
export interface NativeHandle<Name extends string> {
  readonly [brand]: Name;
}

/** The CUDA device, or why there is none. */
export type NativeCudaStatus =
  | { available: false; reason: string }
  | {
      available: true;
      backend: string;
      name: string;
      capability: number;
      multiprocessors: number;
      driver: number;
      memoryTotal: number;
      memoryFree: number;
    };

export interface RuntimeAddon {
  cudaStatus(): NativeCudaStatus;
  setThreads(count: number): void;
  withdrawJob(control: Int32Array<SharedArrayBuffer>): void;
  runtime(): { threads: number; availableThreads: number; pendingJobs: number; isa: string; isas: string[] };
}

/** An embedding operand: (handle | data, rows, cols). */
export type NativeOperand = [set: NativeHandle<'EmbeddingSet'> | Float32Array, rows: number, cols: number];
export type NativeVotes = [data: Int8Array, rows: number, cols: number];
/** Queries, their votes, support, its votes, classes (0: signed), metric. */
export type NativeVoteOperands = [...NativeOperand, ...NativeVotes, ...NativeOperand, ...NativeVotes, number, Metric];

export interface NeighborsAddon {
  newEmbeddingSet(): NativeHandle<'EmbeddingSet'>;
  fillEmbeddingSet(
    handle: NativeHandle<'EmbeddingSet'>,
    data: Float32Array,
    rows: number,
    cols: number,
    metric: Metric,
    threads: number,
    cuda: boolean,
    control: Control,
  ): Call;
  embeddingSetBytes(handle: NativeHandle<'EmbeddingSet'>): number;
  closeEmbeddingSet(handle: NativeHandle<'EmbeddingSet'>): void;
  pairwise(
    ...args: [
      ...NativeOperand,
      ...NativeOperand,
      metric: Metric,
      output: 'similarity' | 'distance',
      precise: boolean,
      out: Float32Array,
      threads: number,
      cuda: boolean,
      control: Control,
    ]
  ): Call;
  topK(
    ...args: [
      ...NativeOperand,
      ...NativeOperand,
      metric: Metric,
      k: number,
      indices: Int32Array,
      scores: Float32Array,
      threads: number,
      cuda: boolean,
      control: Control,
    ]
  ): Call;
  extendVotes(
    ...args: [
      ...NativeVoteOperands,
      thresholds: Float64Array,
      votes: Int8Array,
      neighbors: Int32Array,
      scores: Float32Array,
      threads: number,
      cuda: boolean,
      control: Control,
    ]
  ): Call;
  kNearestVoters(
    ...args: [
      ...NativeVoteOperands,
      k: number,
      scores: Float32Array,
      neighbors: Int32Array,
      shares: Float32Array,
      threads: number,
      cuda: boolean,
      control: Control,
    ]
  ): Call;
  newNearestVoters(): NativeHandle<'NearestVoters'>;
  fillNearestVoters(
    handle: NativeHandle<'NearestVoters'>,
    ...args: [...NativeVoteOperands, threads: number, cuda: boolean, control: Control]
  ): Call;
  nearestVotersExtend(
    handle: NativeHandle<'NearestVoters'>,
    thresholds: Float64Array,
    votes: Int8Array,
    neighbors: Int32Array | undefined,
    scores: Float32Array | undefined,
    control: Control,
  ): Call;
  nearestVotersNearest(
    handle: NativeHandle<'NearestVoters'>,
    classIndex: number,
    rows: Int32Array,
    scores: Float64Array,
  ): void;
  closeNearestVoters(handle: NativeHandle<'NearestVoters'>): void;
}

/** Neighbour lists: indices, weights, rows, k, support rows. */
export type NativeLists = readonly [
  indices: Int32Array,
  weights: Float32Array,
  rows: number,
  k: number,
  supportRows: number,
];

export interface KnnPosteriorAddon {
  neighborWeights(metric: Metric, indices: Int32Array, scores: Float32Array, rows: number, k: number): void;
  smoothPosterior(
    ...args: [
      ...NativeLists,
      state: Float64Array,
      weight: Float64Array,
      mean: Float64Array,
      proba: Float64Array,
      counts: Int32Array,
      balance: Float64Array,
      ownWeight: number,
      out: Float64Array,
      threads: number,
      control: Control,
    ]
  ): Call;
  newPosteriorGraph(): GraphHandle;
  fillPosteriorGraph(
    graph: GraphHandle,
    indices: Int32Array,
    weights: Float32Array,
    rows: number,
    k: number,
    proba: Float64Array,
    counts: Int32Array,
    labels: Int32Array,
    balance: Float64Array,
    threads: number,
    control: Control,
  ): Call;
  /** out: settings x gold rows x K. */
  posteriorFolds(
    graph: GraphHandle,
    ownWeights: Float64Array,
    goldWeights: Float64Array,
    folds: number,
    rounds: number,
    out: Float64Array,
    threads: number,
    control: Control,
  ): Call;
  /** rounds 0: the rows' own posteriors alone; fold -1: no gold row is hidden. */
  smoothGraph(
    graph: GraphHandle,
    ownWeight: number,
    goldWeight: number,
    rounds: number,
    fold: number,
    folds: number,
    proba: Float64Array,
    evidence: Uint8Array,
    state: Float64Array,
    weight: Float64Array,
    mean: Float64Array,
    threads: number,
    control: Control,
  ): Call;
  /** Gold rows x K: what their own votes say. */
  posteriorGraphGold(graph: GraphHandle): Float64Array;
}

/** What posteriors are smoothed on (native/node/posterior_graph.cpp). */
export type GraphHandle = NativeHandle<'PosteriorGraph'>;

export interface TransformAddon {
  fitTransform(
    data: Float32Array,
    rows: number,
    cols: number,
    kind: number,
    directions: number,
    unit: boolean,
    mean: Float64Array,
    projection: Float64Array,
    outDims: Int32Array,
    threads: number,
    control: Control,
  ): Call;
  applyTransform(
    data: Float32Array,
    rows: number,
    cols: number,
    unit: boolean,
    mean: Float64Array,
    projection: Float64Array,
    outDims: number,
    out: Float32Array,
    threads: number,
    control: Control,
  ): Call;
}

export type Addon = RuntimeAddon &
  NeighborsAddon &
  VotesAddon &
  LabelModelAddon &
  SoftVotesAddon &
  PartitionsAddon &
  EndModelAddon &
  GraphModelAddon &
  SessionAddon &
  KnnPosteriorAddon &
  TransformAddon;

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

function load(): Addon {
  const nodeGypBuild = require('node-gyp-build') as { (dir: string): Addon; path(dir: string): string };
  // Idle OpenMP threads must sleep, not spin, in a server. The runtime reads this once, while it is loaded.
  const spinning = process.env.OMP_WAIT_POLICY === undefined;
  if (spinning) process.env.OMP_WAIT_POLICY = 'passive';
  try {
    return nodeGypBuild(root);
  } catch (cause) {
    throw new Error(
      `nearvote has no native addon for ${process.platform}-${process.arch} (looked in ${root}build/Release and ` +
        `${root}prebuilds/${process.platform}-${process.arch}). With CMake and a C++20 compiler it can be built: ` +
        'npm install --no-save cmake-js node-addon-api && npm explore nearvote -- npm run build:native. The cause: ' +
        (cause instanceof Error ? cause.message.split('\n')[0] : String(cause)),
      { cause },
    );
  } finally {
    if (spinning) delete process.env.OMP_WAIT_POLICY;
  }
}

export const addon: Addon = load();
