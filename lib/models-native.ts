// What the native functions of votes and models take.
import type { Call, Control, NativeHandle, NativeOperand, NativeVotes } from './native.js';

export interface VotesAddon {
  countVotes(...args: [...NativeVotes, classes: number, out: Float64Array, threads: number, control: Control]): Call;
  scoreLfs(...args: [...NativeVotes, labels: Int8Array, out: Float64Array, threads: number, control: Control]): Call;
  firstInvalidVote(...args: [...NativeVotes, classes: number]): number;
}

export interface LabelModelAddon {
  fitLabelModel(
    counts: Float64Array,
    lfs: number,
    classes: number,
    method: number,
    classBalance: Float64Array,
    allPositive: boolean,
    model: Float64Array,
    accuracies: Float64Array,
    report: Float64Array,
    threads: number,
    control: Control,
  ): Call;
  fitFlyingSquid(
    counts: Float64Array,
    lfs: number,
    median: boolean,
    classBalance: Float64Array,
    triplets: Int32Array,
    flipNegative: boolean,
    clamp: boolean,
    priorTwice: boolean,
    model: Float64Array,
    accuracies: Float64Array,
    control: Control,
  ): Call;
  predictProba(
    ...args: [
      ...NativeVotes,
      classes: number,
      model: Float64Array,
      out: Float64Array,
      threads: number,
      control: Control,
    ]
  ): Call;
  predict(
    ...args: [
      ...NativeVotes,
      classes: number,
      model: Float64Array,
      tiesByPrior: boolean,
      uncoveredByPrior: boolean,
      out: Int8Array,
      threads: number,
      control: Control,
    ]
  ): Call;
}

export interface PartitionsAddon {
  /** centres: k x d. */
  fitPartitions(...args: [...NativeOperand, k: number, centres: Float64Array, threads: number, control: Control]): Call;
  assignPartitions(
    ...args: [...NativeOperand, centres: Float64Array, k: number, out: Int32Array, threads: number, control: Control]
  ): Call;
}

export interface SoftVotesAddon {
  predictSoft(
    ...args: [
      ...NativeVotes,
      classes: number,
      model: Float64Array,
      shares: Float32Array,
      out: Float64Array,
      threads: number,
      control: Control,
    ]
  ): Call;
}

export interface EndModelAddon {
  gatherRows(...args: [...NativeOperand, rows: Int32Array, out: Float32Array]): void;
  /** summary: iterations, loss, converged (0 or 1). */
  fitEndModel(
    ...args: [
      ...NativeOperand,
      proba: Float64Array,
      classes: number,
      rowWeights: Float64Array | undefined,
      l2: number,
      maxIterations: number,
      weights: Float64Array,
      summary: Float64Array,
      threads: number,
      control: Control,
    ]
  ): Call;
  predictEndModel(
    ...args: [
      ...NativeOperand,
      classes: number,
      weights: Float64Array,
      out: Float64Array,
      threads: number,
      control: Control,
    ]
  ): Call;
}

export interface GraphModelAddon {
  newGraphFit(): NativeHandle<'GraphFit'>;
  fitGraph(
    handle: NativeHandle<'GraphFit'>,
    ...args: [
      ...NativeVotes,
      tasks: number,
      taskEdges: Int32Array,
      lfTasks: Int32Array,
      lfEdges: Int32Array,
      positive: Float64Array,
      joint: Float64Array,
      lengths: Int32Array | undefined,
      compat: '' | 'mean' | 'median',
      triplets: Int32Array,
      threads: number,
      control: Control,
    ]
  ): Call;
  graphFitNumbers(handle: NativeHandle<'GraphFit'>): Float64Array;
  /** a, b, correlation, z per suggestion. */
  suggestDependencies(counts: Float64Array, lfs: number): Float64Array;
  predictGraph(
    numbers: Float64Array,
    ...args: [...NativeVotes, lengths: Int32Array | undefined, out: Float64Array, threads: number, control: Control]
  ): Call;
}
