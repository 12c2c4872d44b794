// Searching thresholds on rows with known labels: one for all labelling functions, then one for each.
import type { Score, ThresholdJudge } from './threshold-judge.js';
import type { VoterReach } from './voter-reach.js';

/** At most this many thresholds for all are scored; more distinct scores than that are thinned to quantiles. */
const MAX_CANDIDATES = 128;
/** Times that all labelling functions are gone through. */
const PASSES = 3;
const FOLDS = 5;

/** Thresholds, one per labelling function, with their score. */
export interface Found extends Score {
  readonly thresholds: Float64Array;
}

/** A threshold that lies between two scores, or beyond the last. */
function between(inside: number, outside: number | undefined, descending: boolean): number {
  if (outside === undefined) return inside + (descending ? -1 : 1) * 1e-6 * (1 + Math.abs(inside));
  return (inside + outside) / 2;
}

/**
 * Thresholds worth trying for all, least extension first: one that extends nothing, then midpoints between the scores at
 * which rows get their first extended vote, so that no candidate sits on a score. (Not the scores of all cells: with many
 * rare labelling functions nearly all of these lie where nobody would extend any more.)
 */
export function candidateThresholds(reach: VoterReach): number[] {
  const [rows, lfs] = reach.direct.shape;
  const descending = reach.metric !== 'l2';
  const best = new Float64Array(rows).fill(Number.NaN);
  reach.scores.forEach((score, cell) => {
    const row = Math.floor(cell / lfs);
    if (Number.isNaN(best[row]) || (descending ? score > best[row]! : score < best[row]!)) best[row] = score;
  });
  const scores = best.filter(Number.isFinite).sort();
  if (descending) scores.reverse();
  const candidates = [reach.nothing];
  const step = Math.max(1, scores.length / MAX_CANDIDATES);
  for (let at = step; Math.round(at) <= scores.length; at += step) {
    const i = Math.round(at);
    if (scores[i] !== scores[i - 1]) candidates.push(between(scores[i - 1]!, scores[i], descending));
  }
  return candidates;
}

/** One threshold for all: the least extension that reaches the best score. `none`: what nothing extended scores. */
export async function searchOne(judge: ThresholdJudge): Promise<{ best: Found; none: Found }> {
  const lfs = judge.reach.direct.shape[1];
  let best: Found | undefined;
  let none: Found | undefined;
  for (const threshold of candidateThresholds(judge.reach)) {
    const thresholds = new Float64Array(lfs).fill(threshold);
    const found = { thresholds, ...(await judge.score(thresholds)) };
    none ??= found;
    if (best === undefined || found.right > best.right) best = found;
  }
  return { best: best!, none: none! };
}

/**
 * One threshold for each labelling function, from those found: in turn, every threshold of one labelling function is
 * scored in one sweep over its sorted scores (a row is as right as with its vote inside of the threshold, and as right
 * as without it outside), and taken if that is better. Until nothing moves, at most three times through.
 */
export async function searchEach(judge: ThresholdJudge, start: Found): Promise<Found> {
  const { reach } = judge;
  const lfs = reach.direct.shape[1];
  const descending = reach.metric !== 'l2';
  const cells = Array.from({ length: lfs }, (_, lf) => {
    const rows = Array.from({ length: judge.rows }, (_, row) => row).filter(
      (row) => reach.scores[row * lfs + lf]! > -Infinity,
    );
    const score = (row: number) => reach.scores[row * lfs + lf]!;
    return rows.sort((a, b) => (descending ? score(b) - score(a) : score(a) - score(b)));
  });
  let found = start;
  for (let pass = 0; pass < PASSES; pass++) {
    const before = found;
    for (let lf = 0; lf < lfs; lf++) {
      const rows = cells[lf]!;
      if (rows.length === 0) continue;
      const score = (at: number) => (at < rows.length ? reach.scores[rows[at]! * lfs + lf]! : undefined);
      const inside = await judge.right(found.thresholds.with(lf, reach.everything), found.fallback);
      const outside = await judge.right(found.thresholds.with(lf, reach.nothing), found.fallback);
      let right = outside.reduce((sum, one) => sum + one, 0);
      let best = { right, threshold: reach.nothing };
      rows.forEach((row, at) => {
        right += inside[row]! - outside[row]!;
        if (right <= best.right || score(at + 1) === score(at)) return;
        best = { right, threshold: between(score(at)!, score(at + 1), descending) };
      });
      if (best.right <= found.right) continue;
      const thresholds = found.thresholds.with(lf, best.threshold);
      found = { thresholds, ...(await judge.score(thresholds)) };
    }
    if (found === before) break;
  }
  return found;
}

/** One threshold for all, or one for each where that does better on rows that did not choose them. */
export interface Tuned extends Found {
  readonly none: Found;
  readonly each: boolean;
  /** Rows that are right, each judged by thresholds that its fifth had no part in. */
  readonly crossValidated: { readonly one: number; readonly each: number };
}

/** @internal */
export async function tuneThresholds(judge: ThresholdJudge): Promise<Tuned> {
  const { best, none } = await searchOne(judge);
  const crossValidated = { one: 0, each: 0 };
  const rows = Array.from({ length: judge.rows }, (_, row) => row);
  for (let fold = 0; fold < FOLDS; fold++) {
    const rest = judge.pick(rows.filter((row) => row % FOLDS !== fold));
    const held = judge.pick(rows.filter((row) => row % FOLDS === fold));
    const count = async ({ thresholds, fallback }: Found) =>
      (await held.right(thresholds, fallback)).reduce((sum, one) => sum + one, 0);
    const one = (await searchOne(rest)).best;
    crossValidated.one += await count(one);
    crossValidated.each += await count(await searchEach(rest, one));
  }
  const each = crossValidated.each > crossValidated.one;
  return { ...(each ? await searchEach(judge, best) : best), none, each, crossValidated };
}
