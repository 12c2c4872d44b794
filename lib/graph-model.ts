import { checkInteger, checkOneOf, checkThreads, checkVotes, rangeError, typeError } from './check.js';
import { runJob } from './job.js';
import { checkTriplets } from './label-model-fit.js';
import { addon, type Control } from './native.js';
import type { AsyncOptions, CallOptions, Votes } from './types.js';

type Edges = ReadonlyArray<readonly [a: number, b: number]>;

/** Several binary tasks, labelling functions that depend on each other, or sequences; see {@link GraphModel}. */
export interface GraphOptions extends CallOptions {
  /** Number of binary tasks v, at most a million. Default 1. */
  readonly tasks?: number | undefined;
  /** Tasks that depend on each other: a forest, e.g. the chain [[0, 1], [1, 2]]. */
  readonly taskEdges?: Edges | undefined;
  /** The task each labelling function speaks of, m numbers in [0, v). Default: all of task 0. */
  readonly lfTasks?: ArrayLike<number> | undefined;
  /** Pairs of labelling functions of the same task that depend on each other given the label. */
  readonly lfEdges?: Edges | undefined;
  /** One task, its rows being positions of sequences of these lengths (their sum is n): all positions share their tables. */
  readonly sequences?: ArrayLike<number> | undefined;
  /**
   * P(Y): two numbers for every task ([-1, +1]; how tasks go together is then estimated from the votes), or 2^v numbers,
   * lexicographic with -1 first. Default 'uniform': every task 1/2.
   */
  readonly classBalance?: ArrayLike<number> | 'uniform' | undefined;
  /** FlyingSquid's own tables where they are right: no abstains among dependent labelling functions. */
  readonly compat?: 'flyingsquid' | undefined;
  /** Only with `compat`: how triplets are averaged. Default 'triplet-median'. */
  readonly method?: 'triplet-mean' | 'triplet-median' | undefined;
  /** Only with `compat`: these triplets of labelling functions, a later one overwriting an earlier one. */
  readonly triplets?: ReadonlyArray<readonly [number, number, number]> | undefined;
}

const GRAPH_KEYS = ['tasks', 'taskEdges', 'lfTasks', 'lfEdges', 'sequences'] as const;

/** @internal Whether options ask for a graph model. */
export const isGraph = (options: object): options is GraphOptions =>
  GRAPH_KEYS.some((key) => (options as GraphOptions)[key] !== undefined);

const FORMAT = 'nearvote.graph-model';
const VERSION = 1;
const LF_FIELDS = 4;
const MAX_TASKS = 1e6;

/** The numbers of a {@link GraphModel}, for storage. */
export interface GraphModelJSON {
  readonly format: typeof FORMAT;
  readonly version: number;
  readonly lfs: number;
  readonly tasks: number;
  readonly sequences: boolean;
  /** See native/node/graph_model.cpp for the order. */
  readonly numbers: readonly number[];
}

/** What a graph fit found of one labelling function. */
export interface GraphLf {
  /** P(vote = Y | it votes). */
  readonly estimate: number;
  /** 95 % interval (jackknife over 20 blocks of consecutive rows); 0 and 1 where nothing tells (no votes, compat). */
  readonly low: number;
  readonly high: number;
  /** Share of rows it votes on. */
  readonly coverage: number;
}

/** Options of prediction with a {@link GraphModel}. */
export interface GraphPredictOptions extends CallOptions {
  /** Lengths of the sequences the rows form, for a model fitted with `sequences`. Default: one sequence of all rows. */
  readonly sequences?: ArrayLike<number> | undefined;
}

function pairs(value: Edges | undefined, parameter: string): Int32Array {
  if (value === undefined) return new Int32Array(0);
  if (!Array.isArray(value)) throw typeError('an array of [a, b]', parameter, value);
  return Int32Array.from(
    value.flatMap((edge: readonly number[], at) => {
      if (!Array.isArray(edge) || edge.length !== 2) throw typeError('[a, b]', `${parameter}[${at}]`, edge);
      return edge.map((node, end) => checkInteger(node, `${parameter}[${at}][${end}]`, 0));
    }),
  );
}

function checkLengths(value: ArrayLike<number>, rows: number): Int32Array {
  if (typeof value !== 'object' || value === null || typeof value.length !== 'number') {
    throw typeError('an array of lengths', 'sequences', value);
  }
  const lengths = Int32Array.from({ length: value.length }, (_, at) => checkInteger(value[at], `sequences[${at}]`, 0));
  const sum = lengths.reduce((total, length) => total + length, 0);
  if (sum !== rows) throw rangeError(`lengths that add up to ${rows} rows`, 'sequences', String(sum));
  return lengths;
}

function checkBalance(value: GraphOptions['classBalance'], tasks: number) {
  const positive = new Float64Array(tasks).fill(0.5);
  const none = new Float64Array(0);
  if (value === undefined || value === 'uniform') return { positive, joint: none };
  if (typeof value !== 'object' || value === null || typeof value.length !== 'number') {
    throw typeError("numbers or 'uniform'", 'classBalance', value);
  }
  const given = Float64Array.from({ length: value.length }, (_, at) => value[at] as number);
  const bad = given.findIndex((p) => !(p >= 0 && p < Number.POSITIVE_INFINITY));
  if (bad >= 0) throw rangeError('a finite number >= 0', `classBalance[${bad}]`, String(given[bad]));
  const sum = given.reduce((total, p) => total + p, 0);
  if (!(sum > 0)) throw rangeError('a positive sum', 'classBalance', String(sum));
  const p = given.map((x) => x / sum);
  if (p.length !== 2 && (tasks > 20 || p.length !== 2 ** tasks)) {
    throw rangeError(`2 or 2^${tasks} numbers`, 'classBalance', String(p.length));
  }
  const joint = tasks > 1 && p.length === 2 ** tasks;
  for (let task = 0; task < tasks; task++) {
    positive[task] = joint ? p.reduce((total, x, at) => total + ((at >> (tasks - 1 - task)) & 1 ? x : 0), 0) : p[1]!;
    if (!(positive[task]! > 0 && positive[task]! < 1)) {
      throw rangeError(
        'both labels possible for every task',
        'classBalance',
        `${positive[task]} for +1 of task ${task}`,
      );
    }
  }
  return { positive, joint: joint ? p : none };
}

function prepareFit(votes: Votes, options: GraphOptions, copy = false) {
  const checked = checkVotes(votes, 'votes');
  if (checked.classes !== 0) throw rangeError('binary votes', 'votes of a graph model', `${checked.classes} classes`);
  if (checked.rows === 0) throw rangeError('at least one row', 'votes', '0');
  const { rows, cols } = checked;
  const tasks = checkInteger(options.tasks ?? 1, 'tasks', 1, MAX_TASKS);
  const lengths = options.sequences === undefined ? undefined : checkLengths(options.sequences, rows);
  if (lengths && tasks !== 1) throw rangeError('one task', 'tasks with sequences', String(tasks));
  const given = options.lfTasks ?? new Int32Array(cols);
  if (given.length !== cols)
    throw rangeError(`${cols} tasks, one per labelling function`, 'lfTasks', `${given.length}`);
  const lfTasks = Int32Array.from(given, (task, lf) => checkInteger(task, `lfTasks[${lf}]`, 0, tasks - 1));
  const { positive, joint } = checkBalance(options.classBalance, tasks);
  const compat = options.compat === undefined ? '' : checkOneOf(options.compat, ['flyingsquid'] as const, 'compat');
  const method = checkOneOf(options.method ?? 'triplet-median', ['triplet-mean', 'triplet-median'] as const, 'method');
  if (compat && lengths)
    throw rangeError('no sequences', "sequences under compat 'flyingsquid'", String(lengths.length));
  const triplets = options.triplets === undefined ? new Int32Array(0) : checkTriplets(options.triplets, cols);
  const threads = checkThreads(options.threads);
  const taskEdges = pairs(options.taskEdges, 'taskEdges');
  const lfEdges = pairs(options.lfEdges, 'lfEdges');
  const handle = addon.newGraphFit();
  const data = copy ? checked.data.slice() : checked.data;
  const run = (control: Control) =>
    addon.fitGraph(
      handle,
      data,
      rows,
      cols,
      tasks,
      taskEdges,
      lfTasks,
      lfEdges,
      positive,
      joint,
      lengths,
      compat === '' ? '' : method === 'triplet-mean' ? 'mean' : 'median',
      triplets,
      threads,
      control,
    );
  const finish = () => new GraphModel(cols, tasks, lengths !== undefined, addon.graphFitNumbers(handle));
  return { run, finish };
}

/**
 * A label model with structure, as in FlyingSquid (arXiv 2002.11955): v binary tasks joined by edges, each labelling function
 * speaking of one task, labelling functions that depend on each other given the label; or sequences whose positions share
 * everything. Dependent labelling functions get a joint table, abstains included, solved from the independent ones (the
 * label is binary, so covariances with them are proportional); posteriors are exact, by message passing, linear in tasks and
 * positions. Made by `LabelModel.fit` with `tasks`, `taskEdges`, `lfTasks`, `lfEdges` or `sequences`.
 */
export class GraphModel {
  readonly lfs: number;
  readonly tasks: number;
  readonly #sequences: boolean;
  readonly #numbers: Float64Array;

  /** @internal */
  constructor(lfs: number, tasks: number, sequences: boolean, numbers: Float64Array) {
    this.lfs = lfs;
    this.tasks = tasks;
    this.#sequences = sequences;
    this.#numbers = numbers;
  }

  /**
   * @throws TypeError or RangeError: votes outside -1, 0, +1 (cell named) or for classes (tasks are binary); a graph that is no forest of tasks, that joins
   *   labelling functions of different tasks, that has a cycle without a chord or a clique of more than six, or that
   *   leaves a task without two independent groups of labelling functions.
   */
  static fit(votes: Votes, options: GraphOptions = {}): GraphModel {
    const { run, finish } = prepareFit(votes, options);
    run(undefined);
    return finish();
  }

  /** {@link GraphModel.fit} as a job. Do not write, transfer or resize `votes` until it settles (or pass `copy`). */
  static async fitAsync(votes: Votes, options: GraphOptions & AsyncOptions = {}): Promise<GraphModel> {
    const { run, finish } = prepareFit(votes, options, options.copy);
    await runJob(options, run);
    return finish();
  }

  /** Per labelling function, in column order. */
  get accuracies(): readonly GraphLf[] {
    const fields = this.#numbers.subarray(this.#numbers.length - LF_FIELDS * this.lfs);
    return Array.from({ length: this.lfs }, (_, lf) => {
      const [estimate, coverage, low, high] = fields.subarray(LF_FIELDS * lf);
      return { estimate: estimate!, low: low!, high: high!, coverage: coverage! };
    });
  }

  /** Correlation of every task with the task it hangs on (0 for a root), or of neighbouring positions: as estimated. */
  get correlations(): readonly { readonly task: number; readonly parent: number; readonly correlation: number }[] {
    const start = this.#numbers.length - LF_FIELDS * this.lfs - 7 * this.tasks;
    return Array.from({ length: this.tasks }, (_, at) => {
      const [task, parent, , , , , correlation] = this.#numbers.subarray(start + 7 * at, start + 7 * at + 7);
      return { task: task!, parent: parent!, correlation: correlation! };
    });
  }

  #prepare(votes: Votes, options: GraphPredictOptions, copy = false) {
    const { data, rows, cols, classes } = checkVotes(votes, 'votes');
    if (cols !== this.lfs) throw rangeError(`${this.lfs} labelling functions`, 'votes', String(cols));
    if (classes !== 0) throw rangeError('binary votes', 'votes of a graph model', `${classes} classes`);
    if (options.sequences !== undefined && !this.#sequences) {
      throw rangeError('a model fitted with sequences', 'sequences', 'one fitted without');
    }
    const lengths = this.#sequences ? checkLengths(options.sequences ?? [rows], rows) : undefined;
    const threads = checkThreads(options.threads);
    const proba = new Float64Array(rows * this.tasks);
    const source = copy ? data.slice() : data;
    const run = (control: Control) =>
      addon.predictGraph(this.#numbers, source, rows, cols, lengths, proba, threads, control);
    return { proba, run };
  }

  /** P(Y_j = +1 | votes), rows x v, row-major; for sequences given all votes of the row's sequence. Exact marginals. */
  predictProba(votes: Votes, options: GraphPredictOptions = {}): Float64Array {
    const { proba, run } = this.#prepare(votes, options);
    run(undefined);
    return proba;
  }

  /** {@link predictProba} as a job. */
  async predictProbaAsync(votes: Votes, options: GraphPredictOptions & AsyncOptions = {}): Promise<Float64Array> {
    const { proba, run } = this.#prepare(votes, options, options.copy);
    await runJob(options, run);
    return proba;
  }

  /** The likelier label of every task, rows x v: -1 or +1; 0 where both are within 1e-9 of each other. */
  predict(votes: Votes, options: GraphPredictOptions = {}): Int8Array {
    return Int8Array.from(this.predictProba(votes, options), (p) =>
      Math.abs(2 * p - 1) <= 1e-9 ? 0 : p > 0.5 ? 1 : -1,
    );
  }

  /** Everything prediction needs, as plain numbers. */
  toJSON(): GraphModelJSON {
    const { lfs, tasks } = this;
    return {
      format: FORMAT,
      version: VERSION,
      lfs,
      tasks,
      sequences: this.#sequences,
      numbers: Array.from(this.#numbers),
    };
  }

  /** @throws TypeError or RangeError: not such a model, an unknown version, damaged or missing numbers. */
  static fromJSON(json: GraphModelJSON): GraphModel {
    if (json?.format !== FORMAT) throw typeError(`an object of format '${FORMAT}'`, 'json', json);
    if (json.version !== VERSION) throw rangeError(`version ${VERSION}`, 'json.version', String(json.version));
    const lfs = checkInteger(json.lfs, 'json.lfs', 0);
    const tasks = checkInteger(json.tasks, 'json.tasks', 1);
    if (!Array.isArray(json.numbers) || !json.numbers.every(Number.isFinite)) {
      throw typeError('an array of finite numbers', 'json.numbers', json.numbers);
    }
    if (json.numbers[0] !== lfs || json.numbers[1] !== tasks || json.numbers.length < 7 + 7 * tasks + LF_FIELDS * lfs) {
      throw rangeError(`the numbers of ${lfs} labelling functions and ${tasks} tasks`, 'json.numbers', 'others');
    }
    const model = new GraphModel(lfs, tasks, json.sequences === true, Float64Array.from(json.numbers));
    model.predictProba({ data: new Int8Array(lfs), shape: [1, lfs] }); // the native side checks every index
    return model;
  }
}
