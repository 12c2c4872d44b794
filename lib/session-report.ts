// What a session tells about itself: plain data made from what the native side counted.
import type { LabelModel, LfAccuracy } from './label-model.js';
import type { NativeExplanation, NativeLf } from './session-native.js';

/** One labelling function as it stands. Shares are of all rows. */
export interface LfStatistics {
  readonly name: string;
  readonly threshold: number;
  /** The votes it casts itself: -1/+1 or classes, ascending. */
  readonly polarity: readonly number[];
  /** Rows it votes on itself, and with the votes extended to it. */
  readonly coverage: number;
  readonly extendedCoverage: number;
  /** Rows where it and another one vote; where another one votes for another class. Before extension. */
  readonly overlaps: number;
  readonly conflicts: number;
  /** What the label model makes of it. */
  readonly accuracy: LfAccuracy;
  /** On the gold rows, after extension: right and wrong votes. Absent without gold. */
  readonly gold?: { readonly correct: number; readonly incorrect: number };
}

/** The whole session as plain data. */
export interface SessionReport {
  readonly rows: number;
  readonly lfs: readonly LfStatistics[];
  /** Share of rows with a vote, extension included. */
  readonly coverage: number;
  readonly method: string;
  readonly classBalance: readonly number[];
  readonly classBalanceSource: string;
  /** Labels of the gold rows against the truth; `unlabelled` ones are neither right nor wrong. Absent without gold. */
  readonly gold?: { readonly correct: number; readonly incorrect: number; readonly unlabelled: number };
  /** Native memory held: embeddings, neighbour lists, columns. */
  readonly bytes: number;
}

/** @internal */
export function lfStatistics(
  lf: NativeLf,
  place: number,
  rows: number,
  classes: number,
  model: LabelModel,
  gold?: { readonly labels: Int8Array; readonly votes: Int8Array },
): LfStatistics {
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
  const share = (count: number) => (rows === 0 ? 0 : count / rows);
  let correct = 0;
  let incorrect = 0;
  gold?.labels.forEach((label, at) => {
    const vote = gold.votes[at * model.lfs + place];
    if (label === 0 || vote === 0) return;
    if (vote === label) correct++;
    else incorrect++;
  });
  return {
    name: lf.name,
    threshold: lf.threshold,
    polarity: lf.direct.flatMap((count, c) => (count === 0 ? [] : [classes === 0 ? 2 * c - 1 : c + 1])),
    coverage: share(sum(lf.direct)),
    extendedCoverage: share(sum(lf.extended)),
    overlaps: share(lf.overlaps),
    conflicts: share(lf.conflicts),
    accuracy: model.accuracies[place]!,
    ...(gold && { gold: { correct, incorrect } }),
  };
}

/** What one labelling function adds to the label of a row. */
export interface Evidence {
  readonly lf: string;
  readonly vote: number;
  /** Its own vote, or the vote of a neighbouring row. */
  readonly source: 'direct' | 'neighbor' | 'abstains';
  /** The row the vote was taken from, and its similarity or true distance. */
  readonly neighbor?: { readonly row: number; readonly score: number };
  /** Per class ([-1, +1] or 1..K), on the scale of the explanation. */
  readonly weights: readonly number[];
  /** Two classes on scale 'log': what it adds to log P(+1) / P(-1). */
  readonly logOdds?: number;
}

/**
 * Why a row has its label. On scale 'log' the prior and the weights are logarithms: for two classes
 * `1 / (1 + exp(-(prior.logOdds + evidence[0].logOdds + ...)))`, added in this order, is the posterior (up to rounding);
 * for more, the softmax of the sums of weights. 'shares': the posterior is the sum of the weights divided by its total.
 * 'product': the product of prior and weights divided by its total.
 */
export interface Explanation {
  readonly row: number;
  readonly label: number;
  /** P(Y = +1), or one number per class. */
  readonly posterior: readonly number[];
  readonly scale: 'log' | 'shares' | 'product';
  readonly prior: { readonly weights: readonly number[]; readonly logOdds?: number };
  readonly evidence: readonly Evidence[];
}

/** @internal */
export function readExplanation(row: number, native: NativeExplanation): Explanation {
  const scale = (['log', 'shares', 'product'] as const)[native.combine]!;
  const weighted = (weights: readonly number[]) =>
    scale === 'log' && weights.length === 2 ? { weights, logOdds: weights[1]! - weights[0]! } : { weights };
  return {
    row,
    label: native.label,
    posterior: native.posterior,
    scale,
    prior: weighted(native.start),
    evidence: native.evidence.map(({ lf, vote, neighbor, score, weights }) => ({
      lf,
      vote,
      source: neighbor === -1 ? 'direct' : neighbor === -2 ? 'abstains' : 'neighbor',
      ...(neighbor >= 0 && { neighbor: { row: neighbor, score } }),
      ...weighted(weights),
    })),
  };
}
