// What to look at next in a session: rows worth a gold label, and what the labelling functions do wrong or leave out.
import { addon } from './native.js';
import type { SessionFit } from './session-edit.js';
import type { SessionHandle } from './session-native.js';
import type { LfStatistics } from './session-report.js';

/** At most this many of each kind, and this many example rows with each. */
const MOST = 10;
const EXAMPLES = 5;
/** Fewer gold votes do not judge a labelling function. */
const MIN_GOLD_VOTES = 5;

/** Two labelling functions that contradict each other more often than their accuracies explain. */
export interface ConflictingLfs {
  readonly lfs: readonly [string, string];
  /** Rows on which both vote themselves, and on which they vote for different classes. */
  readonly overlap: number;
  readonly disagreements: number;
  /** Disagreements if each erred independently of the other, as often as the label model believes. */
  readonly expected: number;
  /** Some rows on which they disagree. */
  readonly rows: Int32Array;
}

/** A labelling function that is right less often than a guess with its mix of classes would be. */
export interface WeakLf {
  readonly lf: string;
  /** Who says so: the gold rows (votes after extension), or the label model's estimate. */
  readonly source: 'gold' | 'model';
  readonly accuracy: number;
  readonly chance: number;
  /** With gold: its votes on gold rows. */
  readonly votes?: number;
}

/** Neighbouring rows without any vote. */
export interface UncoveredRegion {
  /** The row with the most of them around it. */
  readonly row: number;
  readonly size: number;
  /** That row and those of the region nearest to it. */
  readonly rows: Int32Array;
}

/** Each list: at most ten, the worst first. */
export interface Suggestions {
  readonly conflicts: readonly ConflictingLfs[];
  readonly weak: readonly WeakLf[];
  readonly uncovered: readonly UncoveredRegion[];
}

/** @internal */
export function suggest(handle: SessionHandle, fit: SessionFit, lfs: readonly LfStatistics[]): Suggestions {
  const accuracies = Float64Array.from(lfs, ({ accuracy }) => accuracy.estimate);
  return {
    conflicts: addon
      .sessionConflicts(handle, accuracies, MOST, EXAMPLES)
      .map(({ a, b, overlap, disagree, expected, rows }) => ({
        lfs: [a, b],
        overlap,
        disagreements: disagree,
        expected,
        rows,
      })),
    weak: weakLfs(fit, lfs).slice(0, MOST),
    uncovered: addon.sessionUncovered(handle, MOST, EXAMPLES),
  };
}

/** @internal Gold rows are not worth a label again; those with an unknown one are. */
export function nextToLabel(handle: SessionHandle, { gold }: SessionFit, count: number, threads: number): Int32Array {
  const labelled = gold ? gold.rows.filter((_, at) => gold.labels[at] !== 0) : new Int32Array(0);
  return addon.sessionNextToLabel(handle, labelled, count, threads);
}

function weakLfs({ model }: SessionFit, lfs: readonly LfStatistics[]): WeakLf[] {
  const { classBalance, classes } = model;
  const shareOf = (vote: number) => classBalance[classes === 0 ? (vote === 1 ? 1 : 0) : vote - 1]!;
  const weak = lfs.flatMap(({ name, votesPerClass, accuracy, gold }): WeakLf[] => {
    const total = votesPerClass.reduce((sum, { votes }) => sum + votes, 0);
    if (total === 0) return [];
    const chance = votesPerClass.reduce((sum, { vote, votes }) => sum + (votes / total) * shareOf(vote), 0);
    const judged = gold ? gold.correct + gold.incorrect : 0;
    if (gold && judged >= MIN_GOLD_VOTES) {
      const share = gold.correct / judged;
      return share < chance ? [{ lf: name, source: 'gold', accuracy: share, chance, votes: judged }] : [];
    }
    const { estimate } = accuracy;
    return estimate < chance ? [{ lf: name, source: 'model', accuracy: estimate, chance }] : [];
  });
  return weak.sort((a, b) => a.accuracy - a.chance - (b.accuracy - b.chance));
}
