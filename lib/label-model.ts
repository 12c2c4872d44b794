import {
  type CheckedVotes,
  checkInteger,
  checkOneOf,
  checkThreads,
  checkVotes,
  describe,
  rangeError,
  typeError,
} from './check.js';
import { GraphModel, type GraphOptions, isGraph } from './graph-model.js';
import { runJob } from './job.js';
import { addon, type Control } from './native.js';
import type { AsyncOptions, CallOptions, VoteMatrix } from './types.js';
import { countVotes, countVotesAsync, VoteCounts } from './votes.js';

const METHODS = ['majority', 'triplet-mean', 'triplet-median', 'triplet-weighted', 'covariance', 'auto'] as const;
/** How accuracies are found; see {@link LabelModel.fit}. */
export type LabelMethod = (typeof METHODS)[number];
const DEFAULT_METHOD: LabelMethod = 'auto';
const CHOICES = ['asked', 'covariance', 'few-lfs', 'dependent'] as const;

/** P(Y): numbers in the order [-1, +1] or 1..K (any positive scale), or labels to take it from (0 = unknown), or a rule. */
export type ClassBalance = ArrayLike<number> | { readonly labels: ArrayLike<number> } | 'estimate' | 'uniform';
export type ClassBalanceSource = 'given' | 'labels' | 'estimate' | 'uniform';
const SOURCES = ['given', 'labels', 'estimate', 'uniform'] as const;

/** FlyingSquid's own switches; the defaults are the reference's. */
export interface FlyingSquidCompat {
  readonly name: 'flyingsquid';
  /** Negative clique entries become positive. Default true. */
  readonly flipNegative?: boolean;
  /** Without `flipNegative`: negative clique entries become 1e-8. Default true. */
  readonly clamp?: boolean;
  /** 'reference' counts the class balance twice (the reference does); 'exact' once. Default 'reference'. */
  readonly posterior?: 'reference' | 'exact';
}

export interface LabelModelOptions extends CallOptions {
  readonly method?: LabelMethod | undefined;
  /**
   * Default 'uniform'. 'estimate' takes it from the votes (profile likelihood): within a few points where LFs err
   * independently, rough where they do not, so prefer a few labelled rows.
   */
  readonly classBalance?: ClassBalance | undefined;
  /** Reproduce FlyingSquid as shipped, its faults included (method 'triplet-mean' or 'triplet-median'). */
  readonly compat?: 'flyingsquid' | FlyingSquidCompat | undefined;
  /** Only with `compat`: these triplets of LF indices instead of all, a later one overwriting an earlier one. */
  readonly triplets?: ReadonlyArray<readonly [number, number, number]> | undefined;
  /** 'recover' (default): an LF may be worse than random. 'all-positive': none is (the reference's rule). */
  readonly signs?: 'recover' | 'all-positive' | undefined;
}

/** What fitting found out about one labelling function. */
export interface LfAccuracy {
  /**
   * P(vote = Y | the LF votes). Under `compat` the reference's number instead: P(vote = Y), abstains counted as wrong, not
   * clamped.
   */
  readonly estimate: number;
  /** 95 % interval; 0 and 1 where the method tells none (majority, prior of triplets, compat). */
  readonly low: number;
  readonly high: number;
  /** -1: its votes speak against the class they name. */
  readonly sign: 1 | -1;
  /** Share of rows it votes on. */
  readonly coverage: number;
  /** The raw estimate lay outside what its number of votes can support and was moved to the nearest value inside. */
  readonly clamped: boolean;
  /** Nothing in the votes tells its accuracy; the estimate is the prior's. */
  readonly fromPrior: boolean;
}

export interface PredictOptions extends CallOptions {
  /** Two likeliest classes within 1e-9 of each other: 'abstain' (default) gives 0, 'prior' the likelier class. */
  readonly ties?: 'abstain' | 'prior' | undefined;
  /** Rows without a vote: 'abstain' (default) gives 0, 'prior' the likeliest class. */
  readonly uncovered?: 'abstain' | 'prior' | undefined;
}

const FORMAT = 'nearvote.label-model';
const VERSION = 1;
const COMBINE = ['bayes', 'shares', 'product'] as const;
const ACCURACY_FIELDS = 7;

/** Everything prediction needs, as plain numbers. `weights`: m x (abstain, classes...) x K. */
export interface LabelModelJSON {
  readonly format: typeof FORMAT;
  readonly version: number;
  readonly lfs: number;
  /** 0: binary votes -1/+1; else K. */
  readonly classes: number;
  readonly method: string;
  /** Why this method: 'asked for', or what 'auto' went by. */
  readonly reason: string;
  readonly classBalance: readonly number[];
  readonly classBalanceSource: ClassBalanceSource;
  readonly combine: (typeof COMBINE)[number];
  readonly start: readonly number[];
  readonly weights: readonly number[];
  readonly accuracies: readonly LfAccuracy[];
}

function numbers(value: unknown, parameter: string): Float64Array {
  const list = value as ArrayLike<unknown> | null | undefined;
  if (typeof list !== 'object' || list === null || typeof list.length !== 'number')
    throw typeError('an array of numbers', parameter, value);
  return Float64Array.from({ length: list.length }, (_, at) => {
    const number = list[at];
    if (typeof number !== 'number') throw typeError('a number', `${parameter}[${at}]`, number);
    return number;
  });
}

/** Class frequencies of labels, one row of each class added so that none is impossible. */
function balanceOfLabels(labels: ArrayLike<number>, classes: number): Float64Array {
  const counts = new Float64Array(classes || 2).fill(1);
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number;
    if (label === 0) continue;
    const index = classes === 0 ? (label === 1 ? 1 : label === -1 ? 0 : -1) : label - 1;
    if (!(index in counts)) throw rangeError('a vote or 0 (unknown)', `classBalance.labels[${row}]`, describe(label));
    counts[index]! += 1;
  }
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => count / total);
}

function checkBalance(value: ClassBalance | undefined, classes: number): [Float64Array, ClassBalanceSource] {
  const size = classes || 2;
  if (value === 'estimate') return [new Float64Array(0), 'estimate'];
  if (value === undefined || value === 'uniform') return [new Float64Array(size).fill(1 / size), 'uniform'];
  if (typeof value === 'object' && value !== null && 'labels' in value)
    return [balanceOfLabels(value.labels, classes), 'labels'];
  if (typeof value === 'string') throw typeError("numbers, { labels }, 'estimate' or 'uniform'", 'classBalance', value);
  const balance = numbers(value, 'classBalance');
  if (balance.length !== size)
    throw rangeError(`${size} numbers, one per class`, 'classBalance', String(balance.length));
  const bad = balance.findIndex((p) => !(p >= 0 && p < Number.POSITIVE_INFINITY));
  if (bad >= 0) throw rangeError('a finite number >= 0', `classBalance[${bad}]`, String(balance[bad]));
  const sum = balance.reduce((total, p) => total + p, 0);
  if (!(sum > 0 && sum < Number.POSITIVE_INFINITY))
    throw rangeError('a positive, finite sum', 'classBalance', String(sum));
  return [balance.map((p) => p / sum), 'given'];
}

function checkTriplets(value: LabelModelOptions['triplets'], lfs: number): Int32Array {
  if (!Array.isArray(value)) throw typeError('an array of [i, j, k]', 'triplets', value);
  return Int32Array.from(
    value.flatMap((triplet: readonly number[], t) => {
      if (!Array.isArray(triplet) || new Set(triplet).size !== 3)
        throw typeError('three different LF indices', `triplets[${t}]`, triplet);
      return triplet.map((lf, s) => checkInteger(lf, `triplets[${t}][${s}]`, 0, lfs - 1));
    }),
  );
}

/** The state of a model: sizes, and the numbers in the native layout (see native/node/label_model.cpp). */
interface State {
  readonly lfs: number;
  readonly classes: number;
  readonly method: string;
  readonly reason: string;
  readonly classBalanceSource: ClassBalanceSource;
  readonly flat: Float64Array;
  readonly accuracies: readonly LfAccuracy[];
}

function prepareFit(counts: VoteCounts, options: LabelModelOptions) {
  const { lfs, classes, flat } = counts;
  const size = classes || 2;
  const [balance, classBalanceSource] = checkBalance(options.classBalance, classes);
  const threads = checkThreads(options.threads);
  const allPositive =
    checkOneOf(options.signs ?? 'recover', ['recover', 'all-positive'] as const, 'signs') !== 'recover';
  const model = new Float64Array(1 + 2 * size + lfs * (size + 1) * size);
  const accuracies = new Float64Array(lfs * ACCURACY_FIELDS);
  let method = checkOneOf(options.method ?? DEFAULT_METHOD, METHODS, 'method') as string;
  const report = new Float64Array(3);
  let run = (control: Control) =>
    addon.fitLabelModel(
      flat,
      lfs,
      classes,
      METHODS.indexOf(method as LabelMethod),
      balance,
      allPositive,
      model,
      accuracies,
      report,
      threads,
      control,
    );
  let reason = 'asked for';
  if (options.compat !== undefined) {
    const compat = typeof options.compat === 'object' ? options.compat : { name: options.compat };
    checkOneOf(compat.name, ['flyingsquid'] as const, 'compat');
    if (options.method === undefined) method = 'triplet-mean';
    checkOneOf(method, ['triplet-mean', 'triplet-median'], "method under compat 'flyingsquid'");
    if (classBalanceSource === 'estimate')
      throw typeError("numbers, { labels } or 'uniform'", "classBalance under compat 'flyingsquid'", 'estimate');
    if (classes !== 0) throw rangeError('binary votes', "votes under compat 'flyingsquid'", `${classes} classes`);
    const exact = checkOneOf(compat.posterior ?? 'reference', ['reference', 'exact'] as const, 'compat.posterior');
    const triplets = options.triplets === undefined ? new Int32Array(0) : checkTriplets(options.triplets, lfs);
    const median = method === 'triplet-median';
    const [flip, clamp] = [compat.flipNegative ?? true, compat.clamp ?? true];
    method = `flyingsquid ${triplets.length > 0 ? 'triplet' : method}`;
    run = (control) =>
      addon.fitFlyingSquid(
        flat,
        lfs,
        median,
        balance,
        triplets,
        flip,
        clamp,
        exact === 'reference',
        model,
        accuracies,
        control,
      );
  } else if (options.triplets !== undefined) {
    throw typeError("undefined (only compat 'flyingsquid' takes them)", 'triplets', options.triplets);
  }
  const finish = () => {
    if (options.compat === undefined) {
      method = METHODS[report[0]!]!;
      reason = reasonOf(CHOICES[report[1]!]!, report[2]!);
    }
    const read = readAccuracies(accuracies);
    return new LabelModel({ lfs, classes, method, reason, classBalanceSource, flat: model, accuracies: read });
  };
  return { run, finish };
}

function reasonOf(choice: (typeof CHOICES)[number], dependence: number): string {
  const times = `evidence given Y varies ${dependence.toFixed(1)} times as much as independent votes would`;
  switch (choice) {
    case 'asked':
      return 'asked for';
    case 'covariance':
      return `three labelling functions or more, and ${times}`;
    case 'few-lfs':
      return 'of one or two voting labelling functions, agreement cannot tell which is right';
    case 'dependent':
      return `${times}: too dependent to be weighed one by one`;
  }
}

function readAccuracies(flat: Float64Array): LfAccuracy[] {
  return Array.from({ length: flat.length / ACCURACY_FIELDS }, (_, lf) => {
    const [estimate, low, high, sign, coverage, clamped, fromPrior] = flat.subarray(lf * ACCURACY_FIELDS);
    return {
      estimate: estimate!,
      low: low!,
      high: high!,
      sign: sign === -1 ? -1 : 1,
      coverage: coverage!,
      clamped: clamped === 1,
      fromPrior: fromPrior === 1,
    };
  });
}

/** Graph models are fitted to rows: joint tables of dependent LFs are not in the counts. */
function votesOf(votes: VoteMatrix | VoteCounts): VoteMatrix {
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
  static fit(votes: VoteMatrix | VoteCounts, options?: LabelModelOptions): LabelModel;
  /** With `tasks`, `taskEdges`, `lfTasks`, `lfEdges` or `sequences`: a {@link GraphModel}, fitted to votes. */
  static fit(votes: VoteMatrix, options: GraphOptions): GraphModel;
  static fit(votes: VoteMatrix | VoteCounts, options: LabelModelOptions | GraphOptions = {}): LabelModel | GraphModel {
    if (isGraph(options)) return GraphModel.fit(votesOf(votes), options);
    const counts = votes instanceof VoteCounts ? votes : countVotes(votes, { threads: options.threads });
    const { run, finish } = prepareFit(counts, options);
    run(undefined);
    return finish();
  }

  /** {@link LabelModel.fit} as a job. Do not write, transfer or resize `votes` until it settles (or pass `copy`). */
  static async fitAsync(
    votes: VoteMatrix | VoteCounts,
    options?: LabelModelOptions & AsyncOptions,
  ): Promise<LabelModel>;
  static async fitAsync(votes: VoteMatrix, options: GraphOptions & AsyncOptions): Promise<GraphModel>;
  static async fitAsync(
    votes: VoteMatrix | VoteCounts,
    options: (LabelModelOptions | GraphOptions) & AsyncOptions = {},
  ): Promise<LabelModel | GraphModel> {
    if (isGraph(options)) return GraphModel.fitAsync(votesOf(votes), options);
    const counts = votes instanceof VoteCounts ? votes : await countVotesAsync(votes, options);
    const { run, finish } = prepareFit(counts, options);
    await runJob(options, run);
    return finish();
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

  #check(votes: VoteMatrix, copy = false): CheckedVotes {
    const checked = checkVotes(votes, 'votes');
    if (checked.cols !== this.lfs) throw rangeError(`${this.lfs} labelling functions`, 'votes', String(checked.cols));
    if (checked.classes !== this.classes)
      throw rangeError(this.classes === 0 ? 'binary votes' : `${this.classes} classes`, 'votes', `${checked.classes}`);
    return copy ? { ...checked, data: checked.data.slice() } : checked;
  }

  #prepareProba(votes: VoteMatrix, options: CallOptions, copy = false) {
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
  predictProba(votes: VoteMatrix, options: CallOptions = {}): Float64Array {
    const { proba, run } = this.#prepareProba(votes, options);
    run(undefined);
    return proba;
  }

  /** {@link predictProba} as a job. */
  async predictProbaAsync(votes: VoteMatrix, options: CallOptions & AsyncOptions = {}): Promise<Float64Array> {
    const { proba, run } = this.#prepareProba(votes, options, options.copy);
    await runJob(options, run);
    return proba;
  }

  #prepareLabels(votes: VoteMatrix, options: PredictOptions, copy = false) {
    const { data, rows, cols, classes } = this.#check(votes, copy);
    const threads = checkThreads(options.threads);
    const policies = ['abstain', 'prior'] as const;
    const ties = checkOneOf(options.ties ?? 'abstain', policies, 'ties') === 'prior';
    const uncovered = checkOneOf(options.uncovered ?? 'abstain', policies, 'uncovered') === 'prior';
    const labels = new Int8Array(rows);
    const run = (control: Control) =>
      addon.predict(data, rows, cols, classes, this.#state.flat, ties, uncovered, labels, threads, control);
    return { labels, run };
  }

  /** The likeliest label of each row (-1/+1 or 1..K), 0 where the stated policies abstain. @throws as predictProba. */
  predict(votes: VoteMatrix, options: PredictOptions = {}): Int8Array {
    const { labels, run } = this.#prepareLabels(votes, options);
    run(undefined);
    return labels;
  }

  /** {@link predict} as a job. */
  async predictAsync(votes: VoteMatrix, options: PredictOptions & AsyncOptions = {}): Promise<Int8Array> {
    const { labels, run } = this.#prepareLabels(votes, options, options.copy);
    await runJob(options, run);
    return labels;
  }

  toJSON(): LabelModelJSON {
    const { lfs, classes, method, reason, classBalanceSource, flat, accuracies } = this.#state;
    const size = classes || 2;
    return {
      format: FORMAT,
      version: VERSION,
      lfs,
      classes,
      method,
      reason,
      classBalance: this.classBalance,
      classBalanceSource,
      combine: COMBINE[flat[0]!]!,
      start: Array.from(flat.subarray(1 + size, 1 + 2 * size)),
      weights: Array.from(flat.subarray(1 + 2 * size)),
      accuracies,
    };
  }

  /** @throws TypeError or RangeError: not such a model, an unknown version, damaged or missing numbers. */
  static fromJSON(json: LabelModelJSON): LabelModel {
    if (json?.format !== FORMAT) throw typeError(`an object of format '${FORMAT}'`, 'json', json);
    if (json.version !== VERSION) throw rangeError(`version ${VERSION}`, 'json.version', String(json.version));
    const lfs = checkInteger(json.lfs, 'json.lfs', 0);
    const classes = json.classes === 0 ? 0 : checkInteger(json.classes, 'json.classes', 2, 127);
    const size = classes || 2;
    const list = (name: 'classBalance' | 'start' | 'weights', length: number) => {
      const values = numbers(json[name], `json.${name}`);
      if (values.length !== length) throw rangeError(`${length} numbers`, `json.${name}`, String(values.length));
      const bad = values.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0) throw rangeError('a finite number', `json.${name}[${bad}]`, String(values[bad]));
      return values;
    };
    const flat = Float64Array.of(
      COMBINE.indexOf(checkOneOf(json.combine, COMBINE, 'json.combine')),
      ...list('classBalance', size),
      ...list('start', size),
    );
    const weights = list('weights', lfs * (size + 1) * size);
    const all = new Float64Array(flat.length + weights.length);
    all.set(flat);
    all.set(weights, flat.length);
    if (!Array.isArray(json.accuracies) || json.accuracies.length !== lfs)
      throw typeError(`an array of ${lfs} accuracies`, 'json.accuracies', json.accuracies);
    return new LabelModel({
      lfs,
      classes,
      method: String(json.method),
      reason: String(json.reason),
      classBalanceSource: checkOneOf(json.classBalanceSource, SOURCES, 'json.classBalanceSource'),
      flat: all,
      accuracies: json.accuracies,
    });
  }
}
