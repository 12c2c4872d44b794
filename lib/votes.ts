import {
  type CheckedVotes,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkShape,
  checkThreads,
  checkVotes,
  describe,
  rangeError,
  typeError,
} from './check.js';
import { runJob } from './job.js';
import { addon, type Control } from './native.js';
import type { AsyncOptions, CallOptions, VoteMatrix, Votes } from './types.js';

/** How a source of votes spells abstain: 'signed' 0, 'snorkel' -1. */
export type VoteEncoding = 'signed' | 'snorkel';

/** What the numbers given to {@link toVotes} mean. */
export interface ToVotesOptions {
  /** 'signed': 0 = abstain, -1/+1 or 1..K. 'snorkel': -1 = abstain, classes 0..K-1 (binary: 0 -> -1, 1 -> +1). */
  readonly encoding: VoteEncoding;
  readonly shape: readonly [rows: number, lfs: number];
  /** K for more than two classes; absent (or 2 with 'snorkel'): a binary task, votes -1/+1. */
  readonly classes?: number | undefined;
}

/**
 * Votes in nearvote's own form from a row-major list of numbers in a stated encoding. Nothing is guessed.
 *
 * @throws TypeError or RangeError: unknown encoding, wrong length, a value the encoding does not know (cell named).
 */
export function toVotes(source: ArrayLike<number>, options: ToVotesOptions): VoteMatrix {
  if (typeof source !== 'object' || source === null || typeof source.length !== 'number')
    throw typeError('an array of numbers', 'source', source);
  const encoding = checkOneOf(checkOptions(options).encoding, ['signed', 'snorkel'] as const, 'encoding');
  const given = options.classes === undefined ? 0 : checkInteger(options.classes, 'classes', 2, 127);
  const classes = encoding === 'snorkel' && given === 2 ? 0 : given;
  const [rows, lfs] = checkShape(options.shape, 'shape');
  if (source.length !== rows * lfs)
    throw rangeError(`${rows} x ${lfs} = ${rows * lfs} elements`, 'source', String(source.length));
  const snorkel = encoding === 'snorkel';
  const low = snorkel || classes === 0 ? -1 : 0;
  const high = (classes === 0 ? 1 : classes) - (snorkel && classes > 0 ? 1 : 0);
  const data = new Int8Array(rows * lfs);
  for (let at = 0; at < data.length; at++) {
    const value = source[at] as number;
    if (!Number.isInteger(value) || value < low || value > high) {
      throw rangeError(
        `an integer in [${low}, ${high}] (encoding '${encoding}')`,
        `source at row ${Math.floor(at / lfs)}, column ${at % lfs}`,
        describe(value),
      );
    }
    if (!snorkel) data[at] = value;
    else if (classes > 0) data[at] = value + 1;
    else data[at] = value === -1 ? 0 : 2 * value - 1;
  }
  return classes === 0 ? { data, shape: [rows, lfs] } : { data, shape: [rows, lfs], classes };
}

const FORMAT = 'nearvote.vote-counts';
const VERSION = 1;

/** The numbers of {@link VoteCounts}, for storage. Indicators are (LF, class) pairs, LF by LF; `joint` is the upper triangle. */
export interface VoteCountsJSON {
  readonly format: typeof FORMAT;
  readonly version: number;
  readonly lfs: number;
  /** 0: binary votes -1/+1; else K. */
  readonly classes: number;
  readonly counts: readonly number[];
}

/**
 * Exact counts of a vote matrix: all that fitting a label model needs. Counts of chunks, days or shards add up
 * (`merge`), and rows that left are taken off (`subtract`); both return new counts.
 */
export class VoteCounts {
  /** Number of labelling functions m. */
  readonly lfs: number;
  /** 0: binary votes -1/+1; else K. */
  readonly classes: number;
  readonly #flat: Float64Array;

  private constructor(lfs: number, classes: number, flat: Float64Array) {
    this.lfs = lfs;
    this.classes = classes;
    this.#flat = flat;
  }

  /** @internal Counts in the native layout (see native/node/votes.h). */
  static of(lfs: number, classes: number, flat: Float64Array): VoteCounts {
    return new VoteCounts(lfs, classes, flat);
  }

  /** @internal */
  static length(lfs: number, classes: number): number {
    const indicators = lfs * (classes || 2);
    return 2 + 2 * indicators + (indicators * (indicators + 1)) / 2;
  }

  /** @internal */
  get flat(): Float64Array {
    return this.#flat;
  }

  /** Rows counted. */
  get rows(): number {
    return this.#flat[0]!;
  }

  /** Rows with at least one vote. */
  get covered(): number {
    return this.#flat[1]!;
  }

  #indicator(lf: number, classIndex: number): number {
    checkInteger(lf, 'lf', 0, this.lfs - 1);
    const classes = this.classes || 2;
    return lf * classes + checkInteger(classIndex, 'classIndex', 0, classes - 1);
  }

  /** Votes of one LF for one class (0..K-1: the place in [-1, +1] or 1..K). */
  votes(lf: number, classIndex: number): number {
    return this.joint(lf, classIndex, lf, classIndex);
  }

  /** Those of them on rows where another LF votes too. */
  overlaps(lf: number, classIndex: number): number {
    return this.#flat[2 + this.#indicator(lf, classIndex)]!;
  }

  /** Those of them on rows where another LF votes for another class. */
  conflicts(lf: number, classIndex: number): number {
    return this.#flat[2 + this.lfs * (this.classes || 2) + this.#indicator(lf, classIndex)]!;
  }

  /** Rows on which LF `a` votes for class `classA` and LF `b` for class `classB`. */
  joint(a: number, classA: number, b: number, classB: number): number {
    const [u, v] = [this.#indicator(a, classA), this.#indicator(b, classB)].sort((x, y) => x - y) as [number, number];
    const size = this.lfs * (this.classes || 2);
    return this.#flat[2 + 2 * size + u * size - (u * (u - 1)) / 2 + (v - u)]!;
  }

  #checkSame(other: VoteCounts): void {
    if (!(other instanceof VoteCounts)) throw typeError('VoteCounts', 'other', other);
    if (other.lfs !== this.lfs || other.classes !== this.classes) {
      const kind = (c: VoteCounts) => `${c.lfs} LFs, ${c.classes === 0 ? 'binary' : `${c.classes} classes`}`;
      throw rangeError(`counts of ${kind(this)}`, 'other', kind(other));
    }
  }

  /** The counts of both sets of rows together. @throws when `other` has other LFs or classes. */
  merge(other: VoteCounts): VoteCounts {
    this.#checkSame(other);
    return new VoteCounts(
      this.lfs,
      this.classes,
      this.#flat.map((count, at) => count + other.#flat[at]!),
    );
  }

  /** The counts without the rows of `other`. @throws RangeError when `other` counts what is not counted here. */
  subtract(other: VoteCounts): VoteCounts {
    this.#checkSame(other);
    const flat = this.#flat.map((count, at) => count - other.#flat[at]!);
    if (flat.some((count) => count < 0))
      throw rangeError('counts of rows counted here', 'other', 'counts that exceed these');
    return new VoteCounts(this.lfs, this.classes, flat);
  }

  /** All counts, as plain numbers. */
  toJSON(): VoteCountsJSON {
    return { format: FORMAT, version: VERSION, lfs: this.lfs, classes: this.classes, counts: Array.from(this.#flat) };
  }

  /** @throws TypeError or RangeError: not such counts, an unknown version, damaged numbers. */
  static fromJSON(json: VoteCountsJSON): VoteCounts {
    if (json?.format !== FORMAT) throw typeError(`an object of format '${FORMAT}'`, 'json', json);
    if (json.version !== VERSION) throw rangeError(`version ${VERSION}`, 'json.version', String(json.version));
    const lfs = checkInteger(json.lfs, 'json.lfs', 0);
    const classes = json.classes === 0 ? 0 : checkInteger(json.classes, 'json.classes', 2, 127);
    const length = VoteCounts.length(lfs, classes);
    if (!Array.isArray(json.counts) || json.counts.length !== length)
      throw typeError(`an array of ${length} numbers`, 'json.counts', json.counts);
    const bad = json.counts.findIndex((count) => !Number.isSafeInteger(count) || count < 0);
    if (bad >= 0) throw rangeError('an integer >= 0', `json.counts[${bad}]`, String(json.counts[bad]));
    const counts = new VoteCounts(lfs, classes, Float64Array.from(json.counts));
    counts.#checkPossible();
    return counts;
  }

  /** Counts that no votes can have are damaged: a part that exceeds its whole. */
  #checkPossible(): void {
    const classes = this.classes || 2;
    const atMost = (count: number, most: number, what: string) => {
      if (count > most) throw rangeError(`at most ${most} ${what}`, 'json.counts', String(count));
    };
    atMost(this.covered, this.rows, 'covered rows');
    for (let lf = 0; lf < this.lfs; lf++) {
      let votes = 0;
      for (let c = 0; c < classes; c++) {
        const mine = this.votes(lf, c);
        votes += mine;
        atMost(this.overlaps(lf, c), mine, `overlaps of LF ${lf}, class index ${c}`);
        atMost(this.conflicts(lf, c), this.overlaps(lf, c), `conflicts of LF ${lf}, class index ${c}`);
        for (let other = 0; other < lf; other++) {
          let together = 0;
          for (let d = 0; d < classes; d++) together += this.joint(lf, c, other, d);
          atMost(together, mine, `votes of LF ${lf}, class index ${c}, together with LF ${other}`);
        }
      }
      atMost(votes, this.covered, `votes of LF ${lf}`);
    }
  }
}

/** @internal Labels or gold: one int8 a row in the domain of the votes; 0 = unknown. */
export function checkLabels(labels: ArrayLike<number>, votes: CheckedVotes, parameter = 'labels'): Int8Array {
  if (typeof labels !== 'object' || labels === null || labels.length !== votes.rows)
    throw typeError(`${votes.rows} labels, one a row`, parameter, labels);
  const low = votes.classes === 0 ? -1 : 0;
  const high = votes.classes === 0 ? 1 : votes.classes;
  return Int8Array.from({ length: votes.rows }, (_, row) => {
    const label = labels[row] as number;
    if (!Number.isInteger(label) || label < low || label > high)
      throw rangeError(`an integer in [${low}, ${high}] (0 = unknown)`, `${parameter}[${row}]`, describe(label));
    return label;
  });
}

function prepare(votes: Votes, options: CallOptions, copy = false) {
  const { data, rows, cols, classes } = checkVotes(votes, 'votes');
  const threads = checkThreads(checkOptions(options).threads);
  const flat = new Float64Array(VoteCounts.length(cols, classes));
  const source = copy ? data.slice() : data;
  return {
    counts: VoteCounts.of(cols, classes, flat),
    run: (control: Control) => addon.countVotes(source, rows, cols, classes, flat, threads, control),
  };
}

/**
 * Counts votes, and votes of pairs of LFs, in one pass: O(n m^2 K^2 / 64) with popcounts over bit planes, the same
 * numbers for any thread count.
 *
 * @throws TypeError or RangeError: wrong types or shapes; a vote outside the domain (cell named).
 */
export function countVotes(votes: Votes, options: CallOptions = {}): VoteCounts {
  const { counts, run } = prepare(votes, options);
  run(undefined);
  return counts;
}

/** {@link countVotes} as a job. Do not write, transfer or resize `votes` until it settles (or pass `copy`). */
export async function countVotesAsync(votes: Votes, options: CallOptions & AsyncOptions = {}): Promise<VoteCounts> {
  const { counts, run } = prepare(votes, options, options.copy);
  await runJob(options, run);
  return counts;
}
