import {
  type CheckedVotes,
  checkNames,
  checkOptions,
  checkPolicies,
  checkThreads,
  checkVotes,
  rangeError,
  typeError,
} from './check.js';
import type { ClassBalanceSource, ClassShareInterval } from './class-balance.js';
import { GraphModel, type GraphOptions, isGraph } from './graph-model.js';
import { runJob } from './job.js';
import { prepareFit, type State } from './label-model-fit.js';
import { fromJSON, type LabelModelJSON, toJSON } from './label-model-json.js';
import type { LabelModelOptions, LfAccuracy, PredictOptions } from './label-model-options.js';
import { addon, type Control } from './native.js';
import type { AsyncOptions, CallOptions, Votes } from './types.js';
import { countVotes, countVotesAsync, VoteCounts } from './votes.js';

export type { ClassBalance, ClassBalanceSource, ClassShareInterval } from './class-balance.js';
export type { LabelModelJSON } from './label-model-json.js';
export type {
  FlyingSquidCompat,
  LabelMethod,
  LabelModelOptions,
  LfAccuracy,
  PredictOptions,
} from './label-model-options.js';

/** Width of an interval that leaves a share of rows open. */
const OPEN_BALANCE = 0.3;

const FIT_NAMES = [
  'method',
  'classBalance',
  'compat',
  'triplets',
  'signs',
  'threads',
  'tasks',
  'taskEdges',
  'lfTasks',
  'lfEdges',
  'sequences',
  'signal',
  'onProgress',
  'copy',
];

const checkFitOptions = (options: object) => checkNames(checkOptions(options), FIT_NAMES, 'options');

/** Graph models are fitted to rows: joint tables of dependent LFs are not in the counts. */
function votesOf(votes: Votes | VoteCounts): Votes {
  if (votes instanceof VoteCounts) throw typeError('votes (not counts)', 'votes of a graph model', votes);
  return votes;
}

/** Who is right how often, learned from votes alone, and P(Y | votes) that follows from it. */
export class LabelModel {
  readonly #state: State;

  /** @internal Use {@link LabelModel.fit} or {@link LabelModel.fromJSON}. */
  constructor(state: State) {
    this.#state = state;
  }

  /**
   * Fits a label model to votes, or to their counts (the same bits).
   *
   * - 'auto' (default): 'covariance', or 'majority' where fewer than three LFs vote or where votes depend on one another
   *   so much (evidence given Y varying more than four times what independence implies) that weighing them misleads.
   * - 'covariance': P(vote | Y) per LF and class from the covariances of votes of different LFs, shrunk towards
   *   a prior where votes overlap rarely. Assumes neither symmetric errors nor abstains that ignore Y, so keyword LFs (one
   *   class or abstain) are at home here.
   * - 'triplet-median', 'triplet-mean', 'triplet-weighted': accuracies from triplets of LFs (Fu, Chen et al., arXiv
   *   2002.11955), on moments of the rows where both LFs of a pair vote. Triplets whose denominator is not two standard
   *   errors from zero are skipped; an LF without a triplet (fewer than three LFs, no overlap) gets the prior .75.
   *   'weighted' weighs by inverse variance.
   * - 'majority': every vote counts the same; the posterior is the share of votes.
   *
   * @throws TypeError or RangeError: unknown options, a class balance of the wrong length or not positive, votes outside
   *   their domain (cell named).
   */
  static fit(votes: Votes | VoteCounts, options?: LabelModelOptions): LabelModel;
  /** With `tasks`, `taskEdges`, `lfTasks`, `lfEdges` or `sequences`: a {@link GraphModel}, fitted to votes. */
  static fit(votes: Votes, options: GraphOptions): GraphModel;
  static fit(votes: Votes | VoteCounts, options: LabelModelOptions | GraphOptions = {}): LabelModel | GraphModel {
    checkFitOptions(options);
    if (isGraph(options)) return GraphModel.fit(votesOf(votes), options);
    const counts = votes instanceof VoteCounts ? votes : countVotes(votes, { threads: options.threads });
    const { run, finish } = prepareFit(counts, options);
    run(undefined);
    return new LabelModel(finish());
  }

  /** {@link LabelModel.fit} as a job. Do not write, transfer or resize `votes` until it settles (or pass `copy`). */
  static async fitAsync(votes: Votes | VoteCounts, options?: LabelModelOptions & AsyncOptions): Promise<LabelModel>;
  static async fitAsync(votes: Votes, options: GraphOptions & AsyncOptions): Promise<GraphModel>;
  static async fitAsync(
    votes: Votes | VoteCounts,
    options: (LabelModelOptions | GraphOptions) & AsyncOptions = {},
  ): Promise<LabelModel | GraphModel> {
    checkFitOptions(options);
    if (isGraph(options)) return GraphModel.fitAsync(votesOf(votes), options);
    const counts = votes instanceof VoteCounts ? votes : await countVotesAsync(votes, options);
    const { run, finish } = prepareFit(counts, options);
    await runJob(options, run);
    return new LabelModel(finish());
  }

  /** @internal The model in the native layout (see native/node/label_model.h). */
  get flat(): Float64Array {
    return this.#state.flat;
  }

  /** Number of labelling functions m. */
  get lfs(): number {
    return this.#state.lfs;
  }

  /** 0: binary votes -1/+1; else K. */
  get classes(): number {
    return this.#state.classes;
  }

  /** The method that was used. */
  get method(): string {
    return this.#state.method;
  }

  /** Why: 'asked for', or what 'auto' went by. */
  get reason(): string {
    return this.#state.reason;
  }

  /** Per labelling function, in column order. */
  get accuracies(): readonly LfAccuracy[] {
    return this.#state.accuracies;
  }

  /** P(Y) in the order [-1, +1] or 1..K. */
  get classBalance(): readonly number[] {
    return Array.from(this.#state.flat.subarray(1, 1 + (this.classes || 2)));
  }

  /** Where the class balance came from. */
  get classBalanceSource(): ClassBalanceSource {
    return this.#state.classBalanceSource;
  }

  /** Of an estimated class balance: 95 % intervals, by class; else undefined. Wide ones: the votes do not determine it. */
  get classBalanceInterval(): readonly ClassShareInterval[] | undefined {
    return this.#state.classBalanceInterval;
  }

  /** What to know before trusting the model: a class balance that the votes leave open. Empty when there is nothing. */
  get warnings(): readonly string[] {
    const intervals = this.classBalanceInterval ?? [];
    return intervals.flatMap(({ low, high }, y) => {
      if (high - low <= OPEN_BALANCE || (this.classes === 0 && y === 0)) return [];
      const range = `${low.toFixed(2)} to ${high.toFixed(2)}`;
      return `P(Y = ${this.classes === 0 ? '+1' : y + 1}) could be ${range} as far as the votes tell: a few labels would determine it`;
    });
  }

  #check(votes: Votes, copy = false): CheckedVotes {
    const checked = checkVotes(votes, 'votes');
    if (checked.cols !== this.lfs) throw rangeError(`${this.lfs} labelling functions`, 'votes', String(checked.cols));
    if (checked.classes !== this.classes)
      throw rangeError(this.classes === 0 ? 'binary votes' : `${this.classes} classes`, 'votes', `${checked.classes}`);
    return copy ? { ...checked, data: checked.data.slice() } : checked;
  }

  #prepareProba(votes: Votes, options: CallOptions, copy = false) {
    const { data, rows, cols, classes } = this.#check(votes, copy);
    const threads = checkThreads(options.threads);
    const proba = new Float64Array(rows * (classes || 1));
    const run = (control: Control) =>
      addon.predictProba(data, rows, cols, classes, this.#state.flat, proba, threads, control);
    return { proba, run };
  }

  /**
   * P(Y | votes): for binary votes P(Y = +1), one number a row; for K classes rows x K, row-major. Finite, each row a
   * distribution. A row without a vote gets the class balance.
   *
   * @throws TypeError or RangeError: votes of other LFs or classes than the model's, or outside the domain.
   */
  predictProba(votes: Votes, options: CallOptions = {}): Float64Array {
    const { proba, run } = this.#prepareProba(votes, options);
    run(undefined);
    return proba;
  }

  /** {@link predictProba} as a job. */
  async predictProbaAsync(votes: Votes, options: CallOptions & AsyncOptions = {}): Promise<Float64Array> {
    const { proba, run } = this.#prepareProba(votes, options, options.copy);
    await runJob(options, run);
    return proba;
  }

  #prepareLabels(votes: Votes, options: PredictOptions, copy = false) {
    const { data, rows, cols, classes } = this.#check(votes, copy);
    const threads = checkThreads(options.threads);
    const policies = checkPolicies(options);
    const [ties, uncovered] = [policies.ties === 'prior', policies.uncovered === 'prior'];
    const labels = new Int8Array(rows);
    const run = (control: Control) =>
      addon.predict(data, rows, cols, classes, this.#state.flat, ties, uncovered, labels, threads, control);
    return { labels, run };
  }

  /** The likeliest label of each row (-1/+1 or 1..K), 0 where the stated policies abstain. @throws as predictProba. */
  predict(votes: Votes, options: PredictOptions = {}): Int8Array {
    const { labels, run } = this.#prepareLabels(votes, options);
    run(undefined);
    return labels;
  }

  /** {@link predict} as a job. */
  async predictAsync(votes: Votes, options: PredictOptions & AsyncOptions = {}): Promise<Int8Array> {
    const { labels, run } = this.#prepareLabels(votes, options, options.copy);
    await runJob(options, run);
    return labels;
  }

  /** Everything prediction needs, as plain numbers. */
  toJSON(): LabelModelJSON {
    return toJSON(this.#state);
  }

  /** @throws TypeError or RangeError: not such a model, an unknown version, damaged or missing numbers. */
  static fromJSON(json: LabelModelJSON): LabelModel {
    return new LabelModel(fromJSON(json));
  }
}
