import { checkInteger, checkThreads, checkThresholds } from './check.js';
import type { ExtendedVotes } from './extend.js';
import { checkInput, type ExtensionInput, emptyNeighbors, emptyVotes, onCuda } from './extend-input.js';
import { atOnce, createAsync, runJob, type Schedule } from './job.js';
import { addon, type Control, type NativeHandle } from './native.js';
import type { AsyncOptions, SearchOptions, VoteMatrix } from './types.js';

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

  /** {@link extendWithNeighbors} as a job. */
  async extendWithNeighborsAsync(
    thresholds: number | ArrayLike<number>,
    options: AsyncOptions = {},
  ): Promise<ExtendedVotes> {
    const found = emptyNeighbors(this.shape[0] * this.shape[1]);
    const { votes, run } = this.#prepare(thresholds, found);
    await runJob(options, run);
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
