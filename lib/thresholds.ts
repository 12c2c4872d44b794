// Choosing one threshold for extension: which candidates there are, and the sweep that scores them.
import type { NearestVoters } from './extend.js';
import type { VoteMatrix } from './types.js';

/** At most this many thresholds are scored; more distinct scores than that are thinned to quantiles. */
const MAX_CANDIDATES = 128;

/**
 * Thresholds worth trying, least extension first: one that extends nothing, then midpoints between the scores at which
 * rows of `voters` get their first extended vote, so that no candidate sits on a score. (Not the scores of all cells: with
 * many rare labelling functions nearly all of these lie where nobody would extend any more.)
 *
 * @param voters nearest voters of the rows whose labels judge the choice.
 * @param classes number of classes.
 * @param descending similarities extend less as the threshold grows; distances as it shrinks.
 */
export function candidateThresholds(voters: NearestVoters, classes: number, descending: boolean): number[] {
  const [rows, lfs] = voters.shape;
  const best = new Float64Array(rows).fill(descending ? -Infinity : Infinity);
  for (let c = 0; c < classes; c++) {
    const { scores } = voters.nearest(c);
    for (let cell = 0; cell < scores.length; cell++) {
      const score = scores[cell]!;
      const row = Math.floor(cell / lfs);
      if (descending ? score > best[row]! : score < best[row]!) best[row] = score;
    }
  }
  const scores = best.filter(Number.isFinite).sort();
  if (descending) scores.reverse();
  const candidates = [descending ? Infinity : 0];
  const step = Math.max(1, scores.length / MAX_CANDIDATES);
  for (let at = step; Math.round(at) <= scores.length; at += step) {
    const i = Math.round(at);
    const inside = scores[i - 1]!;
    const outside = scores[i];
    if (outside === inside) continue;
    candidates.push(
      outside === undefined ? inside + (descending ? -1 : 1) * 1e-6 * (1 + Math.abs(inside)) : (inside + outside) / 2,
    );
  }
  return candidates;
}

/** A candidate with its score; larger is better. */
export interface Scored {
  readonly threshold: number;
  readonly score: number;
}

/** Scores every candidate in turn and keeps the first of the best, i.e. the least extension that reaches the best score. */
export async function sweep(
  candidates: readonly number[],
  evaluate: (threshold: number) => Promise<{ score: number }>,
): Promise<{ best: Scored; first: Scored }> {
  let best: Scored | undefined;
  let first: Scored | undefined;
  for (const threshold of candidates) {
    const scored = { threshold, score: (await evaluate(threshold)).score };
    first ??= scored;
    if (best === undefined || scored.score > best.score) best = scored;
  }
  if (best === undefined || first === undefined) throw new Error('No candidate thresholds');
  return { best, first };
}

/** At most this many rows judge a threshold when there are no gold labels. */
const MAX_PSEUDO_GOLD = 2000;

/**
 * Rows that can judge a threshold without gold labels: those whose direct votes have an untied majority, spread evenly over
 * the rows. Their direct votes are then hidden, so that only what was extended to them counts.
 */
export class PseudoGold {
  readonly #rows: number[];
  readonly #labels: number[];
  readonly #direct: VoteMatrix;
  readonly #classes: number;

  constructor(votes: VoteMatrix, classes: number) {
    this.#direct = votes;
    this.#classes = classes;
    const majority = Array.from({ length: votes.shape[0] }, (_, row) => majorityClass(votes, row, classes));
    const covered = majority.flatMap((label, row) => (label < 0 ? [] : [row]));
    const step = Math.max(1, covered.length / MAX_PSEUDO_GOLD);
    this.#rows = [];
    for (let at = 0; at < covered.length; at += step) this.#rows.push(covered[Math.floor(at)] as number);
    this.#labels = this.#rows.map((row) => majority[row] as number);
  }

  /**
   * Balanced accuracy of the majority of what was extended to these rows, against the majority of their direct votes. A row
   * that nothing reached scores as a guess, 1/K: extending further pays only while it is right more often than that.
   */
  score(extended: VoteMatrix): number {
    const right = new Float64Array(this.#classes);
    const total = new Float64Array(this.#classes);
    this.#rows.forEach((row, at) => {
      const label = this.#labels[at] as number;
      const found = majorityClass(extended, row, this.#classes, this.#direct);
      total[label]! += 1;
      right[label]! += found < 0 ? 1 / this.#classes : found === label ? 1 : 0;
    });
    const present = right.filter((_, c) => total[c]! > 0).map((sum, at) => sum / total.filter((t) => t > 0)[at]!);
    return present.reduce((sum, recall) => sum + recall, 0) / Math.max(1, present.length);
  }
}

/** Class index with the most votes in a row, -1 for none or a tie; cells that `hidden` votes on do not count. */
function majorityClass(votes: VoteMatrix, row: number, classes: number, hidden?: VoteMatrix): number {
  const lfs = votes.shape[1];
  const tally = new Int32Array(classes);
  for (let cell = row * lfs; cell < (row + 1) * lfs; cell++) {
    const vote = votes.data[cell] as number;
    if (vote === 0 || (hidden && hidden.data[cell] !== 0)) continue;
    tally[votes.classes === undefined ? (vote > 0 ? 1 : 0) : vote - 1]! += 1;
  }
  const most = Math.max(...tally);
  return most === 0 || tally.indexOf(most) !== tally.lastIndexOf(most) ? -1 : tally.indexOf(most);
}
