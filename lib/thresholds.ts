// `thresholds: 'auto'`: which thresholds, and what the choice rests on.
import type { ThresholdReport } from './epoxy-types.js';
import type { LabelModel } from './label-model.js';
import { ThresholdJudge } from './threshold-judge.js';
import { candidateThresholds, tuneThresholds } from './threshold-search.js';
import type { AsyncOptions, CallOptions } from './types.js';
import type { VoterReach } from './voter-reach.js';

/** At most this many gold rows choose. */
const MAX_GOLD = 2000;

/** @internal Thresholds, one per labelling function, and the label that rows left undecided should get. */
export interface ChosenThresholds {
  readonly thresholds: Float64Array;
  readonly fallback?: number;
  readonly report: ThresholdReport;
}

/** @internal Chosen on gold rows: one for all labelling functions, or one each if cross-validation prefers that. */
export async function thresholdsByGold(
  reach: VoterReach,
  labels: Int8Array,
  model: LabelModel,
  options: CallOptions & AsyncOptions,
): Promise<ChosenThresholds> {
  const judge = ThresholdJudge.of(reach, labels, MAX_GOLD, model, options);
  const { thresholds, fallback, right, none, each, crossValidated } = await tuneThresholds(judge);
  const share = (count: number) => (judge.rows === 0 ? 0 : count / judge.rows);
  const report: ThresholdReport = {
    source: 'gold',
    each,
    score: share(right),
    scoreWithout: share(none.right),
    crossValidated: { one: share(crossValidated.one), each: share(crossValidated.each) },
  };
  return { thresholds, fallback, report };
}

/** @internal The label that undecided rows should get at given thresholds. */
export async function fallbackByGold(
  reach: VoterReach,
  labels: Int8Array,
  thresholds: Float64Array,
  model: LabelModel,
  options: CallOptions & AsyncOptions,
): Promise<number> {
  return (await ThresholdJudge.of(reach, labels, MAX_GOLD, model, options).score(thresholds)).fallback;
}

/** @internal Chosen without gold, one for all: see {@link PseudoGold}. The least extension that reaches the best score. */
export function thresholdsByVotes(reach: VoterReach): ChosenThresholds {
  const pseudo = new PseudoGold(reach);
  const tried = candidateThresholds(reach).map((threshold) => ({ threshold, score: pseudo.score(threshold) }));
  const best = tried.reduce((most, one) => (one.score > most.score ? one : most));
  return {
    thresholds: new Float64Array(reach.direct.shape[1]).fill(best.threshold),
    report: { source: 'pseudo-gold', each: false, score: best.score, scoreWithout: tried[0]!.score },
  };
}

/** At most this many rows judge thresholds when there are no gold labels. */
const MAX_PSEUDO_GOLD = 2000;

/**
 * Rows that can judge a threshold without gold labels: those whose direct votes have an untied majority, evenly
 * drawn. Their direct votes are then hidden, so that only what was extended to them counts.
 *
 * This estimates the local disagreement M(r) of Epoxy's analysis (arXiv 2006.15168, section 4), the chance that a row at
 * distance r from a voter has another class: the sweep's best threshold is where, weighed over the classes alike, rows
 * that would be reached next disagree in more than 1 - 1/K of the cases (two classes: where M(r) reaches 1/2).
 */
class PseudoGold {
  readonly #reach: VoterReach;
  readonly #labels: readonly number[];
  readonly #classes: number;

  constructor(reach: VoterReach) {
    this.#classes = reach.direct.classes ?? 2;
    const [rows, lfs] = reach.direct.shape;
    const signed = reach.direct.classes === undefined;
    const majority = Array.from({ length: rows }, (_, row) => {
      const tally = new Float64Array(this.#classes);
      for (const vote of reach.direct.data.subarray(row * lfs, (row + 1) * lfs)) {
        if (vote !== 0) tally[signed ? (vote + 1) / 2 : vote - 1]! += 1;
      }
      return winner(tally);
    });
    const covered = majority.flatMap((label, row) => (label < 0 ? [] : [row]));
    const step = Math.max(1, covered.length / MAX_PSEUDO_GOLD);
    const count = Math.min(MAX_PSEUDO_GOLD, covered.length);
    const drawn = Array.from({ length: count }, (_, at) => covered[Math.floor(at * step)]!);
    this.#reach = reach.pick(drawn);
    this.#labels = drawn.map((row) => majority[row]!);
  }

  /**
   * Balanced accuracy of the majority of what lies within the threshold, against the majority of the direct votes. A row that
   * nothing reaches scores as a guess, 1/K.
   */
  score(threshold: number): number {
    const { direct, votes, scores, shares } = this.#reach;
    const lfs = direct.shape[1];
    const right = new Float64Array(this.#classes);
    const total = new Float64Array(this.#classes);
    this.#labels.forEach((label, row) => {
      const tally = new Float64Array(this.#classes);
      for (let cell = row * lfs; cell < (row + 1) * lfs; cell++) {
        if (direct.data[cell] !== 0 || votes[cell] === 0 || !this.#reach.isWithin(scores[cell]!, threshold)) continue;
        if (shares) for (let c = 0; c < this.#classes; c++) tally[c]! += shares[cell * this.#classes + c]!;
        else tally[direct.classes === undefined ? (votes[cell]! + 1) / 2 : votes[cell]! - 1]! += 1;
      }
      const found = winner(tally);
      total[label]! += 1;
      right[label]! += found < 0 ? 1 / this.#classes : found === label ? 1 : 0;
    });
    const recalls = Array.from(right, (sum, c) => sum / total[c]!).filter((recall) => !Number.isNaN(recall));
    return recalls.reduce((sum, recall) => sum + recall, 0) / Math.max(1, recalls.length);
  }
}

/** The class with the largest tally, -1 for none or a tie. */
function winner(tally: Float64Array): number {
  const most = Math.max(...tally);
  const best = tally.indexOf(most);
  return most === 0 || best !== tally.lastIndexOf(most) ? -1 : best;
}
