// What the nearest voters say about every abstaining cell, before any threshold; thresholds are then a pass over scores.
import { checkThreads, shapedVotes } from './check.js';
import type { ExtendedVotes } from './extend.js';
import { checkInput, type ExtensionInput, onCuda } from './extend-input.js';
import { runJob } from './job.js';
import { addon, type Control } from './native.js';
import { NearestVoters } from './nearest-voters.js';
import type { AsyncOptions, Metric, SearchOptions, VoteMatrix } from './types.js';

/** @internal n x m cells. A cell without a direct vote holds the vote its voters come to, if any. */
export class VoterReach {
  readonly direct: VoteMatrix;
  readonly metric: Metric;
  /** Direct votes as they are; else what the voters say, 0: nothing, or equal shares. */
  readonly votes: Int8Array;
  /** Support row that stands for the voters; -1: direct vote or none. */
  readonly neighbors: Int32Array;
  /** Their score; NaN: direct vote or none. */
  readonly scores: Float32Array;
  /** n x m x K; absent with one voter a cell. */
  readonly shares: Float32Array | undefined;

  constructor(
    direct: VoteMatrix,
    metric: Metric,
    cells: { votes: Int8Array; neighbors: Int32Array; scores: Float32Array; shares?: Float32Array | undefined },
  ) {
    this.direct = direct;
    this.metric = metric;
    this.votes = cells.votes;
    this.neighbors = cells.neighbors;
    this.scores = cells.scores;
    this.shares = cells.shares;
  }

  /** @param k voters of each labelling function that decide. */
  static async create(
    input: ExtensionInput & SearchOptions,
    k: number,
    options: AsyncOptions = {},
  ): Promise<VoterReach> {
    if (k > 1) {
      const { run, finish } = prepareReach(input, k, options.copy);
      await runJob(options, run);
      return finish();
    }
    const voters = await NearestVoters.create(input, options);
    const reach = await VoterReach.of(voters, shapedVotes(input.votes), input.metric ?? 'cosine', {
      signal: options.signal,
    });
    voters.close();
    return reach;
  }

  /** What nearest voters say about the rows they were sought for. */
  static async of(
    voters: NearestVoters,
    direct: VoteMatrix,
    metric: Metric,
    options: AsyncOptions,
  ): Promise<VoterReach> {
    const all = metric === 'l2' ? Infinity : -Infinity;
    const { votes, neighbors, scores } = await voters.extendWithNeighborsAsync(all, options);
    return new VoterReach(direct, metric, { votes: votes.data, neighbors, scores });
  }

  /** Whether a voter at this score is within the threshold; NaN is not. */
  isWithin(score: number, threshold: number): boolean {
    return this.metric === 'l2' ? score < threshold : score > threshold;
  }

  /** The threshold that nothing is within. */
  get nothing(): number {
    return this.metric === 'l2' ? 0 : Infinity;
  }

  /** The threshold that everything is within. */
  get everything(): number {
    return this.metric === 'l2' ? Infinity : -Infinity;
  }

  /** The votes that lie within the thresholds, one per labelling function. */
  within(thresholds: ArrayLike<number>): ExtendedVotes {
    const lfs = this.direct.shape[1];
    const data = this.direct.data.slice();
    const neighbors = new Int32Array(data.length);
    const scores = new Float32Array(data.length).fill(Number.NaN);
    const classes = this.shares ? this.shares.length / data.length : 0;
    const shares = this.shares && new Float32Array(this.shares.length);
    for (let cell = 0; cell < data.length; cell++) {
      const reached =
        data[cell] === 0 && this.votes[cell] !== 0 && this.isWithin(this.scores[cell]!, thresholds[cell % lfs]!);
      neighbors[cell] = data[cell] !== 0 ? -1 : reached ? this.neighbors[cell]! : -2;
      if (!reached) continue;
      data[cell] = this.votes[cell]!;
      scores[cell] = this.scores[cell]!;
      shares?.set(this.shares!.subarray(cell * classes, (cell + 1) * classes), cell * classes);
    }
    return { votes: { ...this.direct, data }, neighbors, scores, ...(shares && { shares }) };
  }

  /** Some of the rows, in this order. */
  pick(rows: ArrayLike<number>): VoterReach {
    const [n, lfs] = this.direct.shape;
    const classes = this.shares ? this.shares.length / Math.max(1, n * lfs) : 0;
    const picked = {
      votes: pickRows(this.votes, lfs, rows),
      neighbors: pickRows(this.neighbors, lfs, rows),
      scores: pickRows(this.scores, lfs, rows),
      shares: this.shares && pickRows(this.shares, lfs * classes, rows),
    };
    const direct = { ...this.direct, data: pickRows(this.direct.data, lfs, rows), shape: [rows.length, lfs] as const };
    return new VoterReach(direct, this.metric, picked);
  }
}

function pickRows<T extends Int8Array | Int32Array | Float32Array>(
  values: T,
  columns: number,
  rows: ArrayLike<number>,
): T {
  const picked = new (values.constructor as new (length: number) => T)(rows.length * columns);
  for (let at = 0; at < rows.length; at++) {
    picked.set(values.subarray(rows[at]! * columns, (rows[at]! + 1) * columns), at * columns);
  }
  return picked;
}

/** @internal The k nearest voters of every cell, k > 1: the native call, and what to make of its results. */
export function prepareReach(input: ExtensionInput & SearchOptions, k: number, copy = false) {
  const { votes, operands, metric } = checkInput(input, copy);
  const threads = checkThreads(input.threads);
  const cuda = onCuda(input);
  const classes = votes.classes || 2;
  const cells = votes.data.length;
  const scores = new Float32Array(cells);
  const neighbors = new Int32Array(cells);
  const shares = new Float32Array(cells * classes);
  const run = (control: Control) =>
    addon.kNearestVoters(...operands, k, scores, neighbors, shares, threads, cuda, control);
  const finish = () => {
    const shape = [votes.rows, votes.cols] as const;
    const direct = votes.classes === 0 ? { data: votes.data, shape } : { data: votes.data, shape, classes };
    const heard = votes.data.slice();
    for (let cell = 0; cell < cells; cell++)
      if (heard[cell] === 0) heard[cell] = majority(shares, cell * classes, classes, votes.classes === 0);
    return new VoterReach(direct, metric, { votes: heard, neighbors, scores, shares });
  };
  return { run, finish, lfs: votes.cols };
}

/** The vote for the class with the largest of the shares from `from` on, 0 if no share or several are the largest. */
function majority(shares: Float32Array, from: number, classes: number, signed: boolean): number {
  let best = 0;
  let alone = true;
  for (let c = 1; c < classes; c++) {
    const [share, most] = [shares[from + c]!, shares[from + best]!];
    if (share >= most) alone = share > most;
    if (share > most) best = c;
  }
  if (!alone || shares[from + best] === 0) return 0;
  return signed ? 2 * best - 1 : best + 1;
}
