import {
  type CheckedVotes,
  checkInteger,
  checkMetric,
  checkOptions,
  checkThreads,
  checkThresholds,
  checkVotes,
  rangeError,
  typeError,
} from './check.js';
import { checkCuda } from './device.js';
import { EmbeddingSet, type Embeddings } from './embedding-set.js';
import { atOnce, createAsync, runJob, type Schedule } from './job.js';
import { addon, type Control, type NativeHandle, type NativeVoteOperands } from './native.js';
import type { AsyncOptions, Metric, SearchOptions, VoteMatrix } from './types.js';

/** Votes on rows and the embeddings of the same rows. */
export interface VotedRows {
  readonly votes: VoteMatrix;
  readonly embeddings: Embeddings;
}

/** What extension starts from. */
export interface ExtensionInput extends VotedRows {
  /** Whose votes are extended; default: the rows themselves. */
  readonly support?: VotedRows | undefined;
  /** Default 'cosine'. */
  readonly metric?: Metric | undefined;
}

export interface ExtendVotesInput extends ExtensionInput, SearchOptions {
  /**
   * One for all labelling functions or one each; strict: similarity > threshold (cosine, dot), distance < radius (l2).
   * +Infinity (similarities) or 0 (l2) extends nothing.
   */
  readonly thresholds: number | ArrayLike<number>;
  /** Neighbours that decide; only 1, the nearest. */
  readonly k?: 1 | undefined;
}

export interface ExtendedVotes {
  /** n x m: direct votes as they were, abstains replaced where a voter is near enough. */
  readonly votes: VoteMatrix;
  /** n x m: the support row a vote came from; -1: direct vote; -2: abstains. */
  readonly neighbors: Int32Array;
  /** n x m: the score of that neighbour (similarity or true distance); NaN for direct votes and abstains. */
  readonly scores: Float32Array;
}

function checkInput(input: ExtensionInput, copy = false) {
  checkOptions(input, 'input');
  const metric = checkMetric(input.metric ?? 'cosine');
  const votedRows = (rows: VotedRows, prefix: string) => {
    if (typeof rows !== 'object' || rows === null) throw typeError('{ votes, embeddings }', 'support', rows);
    const votes = checkVotes(rows.votes, `${prefix}votes`);
    const operand = EmbeddingSet.operand(rows.embeddings, `${prefix}embeddings`, metric, copy);
    if (votes.rows !== operand[1]) {
      throw rangeError(`${operand[1]} rows (as in ${prefix}embeddings)`, `${prefix}votes`, String(votes.rows));
    }
    return { votes: copy ? { ...votes, data: votes.data.slice() } : votes, operand };
  };
  const queries = votedRows(input, '');
  const support = input.support === undefined ? queries : votedRows(input.support, 'support.');
  if (support.votes.cols !== queries.votes.cols) {
    throw rangeError(
      `${queries.votes.cols} labelling functions (as in votes)`,
      'support.votes',
      String(support.votes.cols),
    );
  }
  if (support.votes.classes !== queries.votes.classes) {
    const kind = ({ classes }: CheckedVotes) => (classes === 0 ? 'votes -1/+1' : `votes 1 to ${classes}`);
    throw rangeError(`${kind(queries.votes)} (as in votes)`, 'support.votes', kind(support.votes));
  }
  EmbeddingSet.checkSameDims(queries.operand, support.operand, 'embeddings', 'support.embeddings');
  const flat = ({ data, rows, cols }: CheckedVotes) => [data, rows, cols] as const;
  const operands: NativeVoteOperands = [
    ...queries.operand,
    ...flat(queries.votes),
    ...support.operand,
    ...flat(support.votes),
    queries.votes.classes,
    metric,
  ];
  return { votes: queries.votes, operands };
}

const onCuda = ({ device, embeddings, support }: ExtensionInput & SearchOptions) =>
  checkCuda(device, embeddings, support?.embeddings ?? embeddings);

function emptyVotes(rows: number, lfs: number, classes: number): VoteMatrix {
  const data = new Int8Array(rows * lfs);
  return classes === 0 ? { data, shape: [rows, lfs] } : { data, shape: [rows, lfs], classes };
}

const emptyNeighbors = (cells: number) => ({ neighbors: new Int32Array(cells), scores: new Float32Array(cells) });

function prepare(input: ExtendVotesInput, copy = false) {
  const { votes, operands } = checkInput(input, copy);
  const thresholds = checkThresholds(input.thresholds, votes.cols);
  const threads = checkThreads(input.threads);
  const cuda = onCuda(input);
  checkInteger(input.k ?? 1, 'k', 1, 1);
  const extended = emptyVotes(votes.rows, votes.cols, votes.classes);
  const result: ExtendedVotes = { votes: extended, ...emptyNeighbors(extended.data.length) };
  const run = (control: Control) =>
    addon.extendVotes(...operands, thresholds, extended.data, result.neighbors, result.scores, threads, cuda, control);
  return { result, run };
}

/**
 * Vote extension (Epoxy, arXiv 2006.15168, section 3): where a labelling function abstains on a row, the vote of the
 * nearest row it voted on is taken over if that row is within the threshold.
 *
 * Exact: the nearest voter is decided by the canonical float64 score, the same bits for any thread count, instruction set
 * and device. An exact tie between voters of different classes abstains; within a class the lower index is named. Zero rows
 * under cosine have no direction: they neither give nor receive votes. Memory above the inputs and results is bounded by a
 * block of queries.
 *
 * @throws TypeError or RangeError: wrong types, shapes or number of thresholds; votes outside the domain (cell named);
 *   NaN or Inf in an embedding (row and column named).
 */
export function extendVotes(input: ExtendVotesInput): ExtendedVotes {
  const { result, run } = prepare(input);
  run(undefined);
  return result;
}

/** {@link extendVotes} as a job. Do not write, transfer or resize the arrays until it settles (or pass `copy`). */
export async function extendVotesAsync(input: ExtendVotesInput, options: AsyncOptions = {}): Promise<ExtendedVotes> {
  const { result, run } = prepare(input, checkOptions(options).copy);
  await runJob(options, run);
  return result;
}

/**
 * For every abstaining cell and class the nearest voter: the expensive part of extension, once. Every choice of thresholds
 * is then a pass over the cells, with the same bits as {@link extendVotes}. Holds about 12 bytes per abstaining cell and
 * class until closed.
 */
export class NearestVoters {
  /** [rows, labelling functions] */
  readonly shape: readonly [rows: number, lfs: number];
  /** 0 for signed votes (-1/+1), else K. */
  readonly #classes: number;
  readonly #handle: NativeHandle<'NearestVoters'>;

  /** @throws as {@link extendVotes}. */
  constructor(input: ExtensionInput & SearchOptions, schedule: Schedule = atOnce) {
    const { votes, operands } = checkInput(input);
    const threads = checkThreads(input.threads);
    const cuda = onCuda(input);
    this.shape = [votes.rows, votes.cols];
    this.#classes = votes.classes;
    const handle = addon.newNearestVoters();
    this.#handle = handle;
    schedule((control, copy) =>
      addon.fillNearestVoters(handle, ...(copy ? checkInput(input, true).operands : operands), threads, cuda, control),
    );
  }

  /** The constructor as a job: the event loop stays free, the same bits. */
  static async create(input: ExtensionInput & SearchOptions, options: AsyncOptions = {}): Promise<NearestVoters> {
    return createAsync(options, (schedule) => new NearestVoters(input, schedule));
  }

  /** The extended votes for these thresholds (as for {@link extendVotes}). @throws TypeError when closed. */
  extend(thresholds: number | ArrayLike<number>): VoteMatrix {
    const { votes, run } = this.#prepare(thresholds);
    run(undefined);
    return votes;
  }

  /** {@link extend} as a job. */
  async extendAsync(thresholds: number | ArrayLike<number>, options: AsyncOptions = {}): Promise<VoteMatrix> {
    const { votes, run } = this.#prepare(thresholds);
    await runJob(options, run);
    return votes;
  }

  /** As {@link extend}, with the neighbour each vote came from and its score. */
  extendWithNeighbors(thresholds: number | ArrayLike<number>): ExtendedVotes {
    const found = emptyNeighbors(this.shape[0] * this.shape[1]);
    const { votes, run } = this.#prepare(thresholds, found);
    run(undefined);
    return { votes, ...found };
  }

  #prepare(thresholds: number | ArrayLike<number>, found?: { neighbors: Int32Array; scores: Float32Array }) {
    const checked = checkThresholds(thresholds, this.shape[1]);
    const votes = emptyVotes(...this.shape, this.#classes);
    const run = (control: Control) =>
      addon.nearestVotersExtend(this.#handle, checked, votes.data, found?.neighbors, found?.scores, control);
    return { votes, run };
  }

  /**
   * The nearest voter of one class for every cell, whatever the threshold.
   *
   * @param classIndex 0..K-1: the place of the class in the class balance ([-1, +1], or classes 1..K).
   * @returns n x m: support rows (-1: direct vote, or the class has no voter) and scores (similarity or true distance;
   *   -Infinity, for l2 +Infinity, where there is none).
   */
  nearest(classIndex: number): { neighbors: Int32Array; scores: Float64Array } {
    checkInteger(classIndex, 'classIndex', 0, (this.#classes || 2) - 1);
    const cells = this.shape[0] * this.shape[1];
    const result = { neighbors: new Int32Array(cells), scores: new Float64Array(cells) };
    addon.nearestVotersNearest(this.#handle, classIndex, result.neighbors, result.scores);
    return result;
  }

  /** Frees the native memory now; later calls throw a TypeError. */
  close(): void {
    addon.closeNearestVoters(this.#handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
