import { checkInteger, checkOptions, checkThreads, checkThresholds } from './check.js';
import { checkInput, type ExtensionInput, emptyNeighbors, emptyVotes, onCuda } from './extend-input.js';
import { runJob } from './job.js';
import { addon, type Call, type Control } from './native.js';
import type { AsyncOptions, SearchOptions, VoteMatrix } from './types.js';
import { prepareReach } from './voter-reach.js';

export type { ExtensionInput, VotedRows } from './extend-input.js';
export { NearestVoters } from './nearest-voters.js';

/** What {@link extendVotes} takes: votes, embeddings of the same rows, and how far votes reach. */
export interface ExtendVotesInput extends ExtensionInput, SearchOptions {
  /**
   * One for all labelling functions or one each; strict: similarity > threshold (cosine, dot), distance < radius (l2).
   * +Infinity (similarities) or 0 (l2) extends nothing.
   */
  readonly thresholds: number | ArrayLike<number>;
  /**
   * Voters that decide, of each labelling function; default 1, the nearest. With more, the k nearest voters decide
   * together, weighted by nearness (cosine, dot: similarity to the fourth power, relative to the nearest; l2:
   * 1 / (1 + d^2), d relative to the mean of the k), and the threshold is for their mean score.
   */
  readonly k?: number | undefined;
}

/** What extension gives, row-major like the votes. */
export interface ExtendedVotes {
  /** n x m: direct votes as they were, abstains replaced where a voter is near enough. */
  readonly votes: VoteMatrix;
  /**
   * n x m: the support row a vote came from (with k > 1: the nearest of them that votes like the majority); -1: direct
   * vote; -2: abstains.
   */
  readonly neighbors: Int32Array;
  /**
   * n x m: the score of that neighbour, with k > 1 the mean of the k (similarity or true distance); NaN for direct votes and
   * abstains.
   */
  readonly scores: Float32Array;
  /** With k > 1, n x m x K: the classes' shares of the voters' weight; 0 for direct votes and abstains. */
  readonly shares?: Float32Array;
}

interface Prepared {
  readonly run: (control: Control) => Call;
  readonly finish: () => ExtendedVotes;
}

function prepare(input: ExtendVotesInput, copy = false): Prepared {
  const k = checkInteger(checkOptions(input, 'input').k ?? 1, 'k', 1);
  if (k > 1) {
    const { run, finish, lfs } = prepareReach(input, k, copy);
    const thresholds = checkThresholds(input.thresholds, lfs);
    return { run, finish: () => finish().within(thresholds) };
  }
  const { votes, operands } = checkInput(input, copy);
  const thresholds = checkThresholds(input.thresholds, votes.cols);
  const threads = checkThreads(input.threads);
  const cuda = onCuda(input);
  const extended = emptyVotes(votes.rows, votes.cols, votes.classes);
  const result: ExtendedVotes = { votes: extended, ...emptyNeighbors(extended.data.length) };
  const run = (control: Control) =>
    addon.extendVotes(...operands, thresholds, extended.data, result.neighbors, result.scores, threads, cuda, control);
  return { run, finish: () => result };
}

/**
 * Vote extension (Epoxy, arXiv 2006.15168, section 3): where a labelling function abstains on a row, the vote of the
 * nearest row it voted on is taken over if that row is within the threshold.
 *
 * Exact: the nearest voter is decided by the canonical float64 score, the same bits for any thread count,
 * instruction set and device. An exact tie between voters of different classes abstains; within a class the lower
 * index is named. Zero rows under cosine have no direction: they neither give nor receive votes. Memory above the
 * inputs and results: plain arrays are packed for the call, in parts of about 80 MB together where they are large;
 * an EmbeddingSet needs a block of queries and a packed copy of its rows, 1 GiB at most. Where rows are compared
 * with themselves, about 30 bytes a cell besides, unless that is more than twice what the rows take and 128 MB. With
 * k > 1 it is 8 bytes times max(128, 16 k) per row, and exactly as many ties are decided by the lower index, only
 * equal shares abstain.
 *
 * @throws TypeError or RangeError: wrong types, shapes or number of thresholds; votes outside the domain (cell named);
 *   NaN or Inf in an embedding (row and column named).
 */
export function extendVotes(input: ExtendVotesInput): ExtendedVotes {
  const { run, finish } = prepare(input);
  run(undefined);
  return finish();
}

/** {@link extendVotes} as a job. Do not write, transfer or resize the arrays until it settles (or pass `copy`). */
export async function extendVotesAsync(input: ExtendVotesInput, options: AsyncOptions = {}): Promise<ExtendedVotes> {
  const { run, finish } = prepare(input, checkOptions(options).copy);
  await runJob(options, run);
  return finish();
}
