// Why a row has its label, from the parts that the native side adds up.
import type { SmoothingReport } from './posterior-choice.js';
import type { NativeExplanation } from './session-native.js';

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

/** Extension 'posterior': what a row's neighbours add to its own votes. */
export interface NeighborEvidence {
  /** The posterior of the row's own votes, shaped as `Explanation.posterior`, and the power it counts with. */
  readonly own: readonly number[];
  readonly ownWeight: number;
  /** Per class the logarithm of what the neighbours say beyond the average row. */
  readonly weights: readonly number[];
  /** Two classes: what they add to the log-odds. */
  readonly logOdds?: number;
  /** The neighbours that count, nearest first: their weight and what they stand for, one number per class. */
  readonly rows: readonly { readonly row: number; readonly weight: number; readonly state: readonly number[] }[];
}

/**
 * Why a row has its label. On scale 'log' the prior and the weights are logarithms; for two classes let s be
 * `prior.logOdds + evidence[0].logOdds + ...`, added in this order (`logOdds` has its bits), and r = exp(-|s|): P(+1) is
 * `1 / (1 + r)` for s > 0, else `r / (1 + r)`. For more classes: the softmax of the sums of weights. 'shares': the sum of
 * the weights divided by its total. 'product': the product of prior and weights divided by its total. These are the
 * operations that made the posterior, in their order: it comes out to the bit but for the last place of exp, which
 * JavaScript rounds differently.
 *
 * Under extension 'posterior' that is `neighbors.own`, and the posterior of class y is, up to rounding, proportional to
 * `classBalance[y] ** (1 - ownWeight) * own[y] ** ownWeight * exp(neighbors.weights[y])` (own at least 1e-6).
 */
export interface Explanation {
  readonly row: number;
  readonly label: number;
  /** P(Y = +1), or one number per class. */
  readonly posterior: readonly number[];
  readonly scale: 'log' | 'shares' | 'product';
  readonly prior: { readonly weights: readonly number[]; readonly logOdds?: number };
  readonly evidence: readonly Evidence[];
  /** Two classes on scale 'log': prior and evidence together. */
  readonly logOdds?: number;
  /** Of extension 'posterior'. */
  readonly neighbors?: NeighborEvidence;
}

/** @internal */
export function readExplanation(
  row: number,
  native: NativeExplanation,
  smoothing: SmoothingReport | undefined,
): Explanation {
  const scale = (['log', 'shares', 'product'] as const)[native.combine]!;
  const weighted = (weights: readonly number[]) =>
    scale === 'log' && weights.length === 2 ? { weights, logOdds: weights[1]! - weights[0]! } : { weights };
  const prior = weighted(native.start);
  const evidence = native.evidence.map(({ lf, vote, neighbor, score, weights }) => ({
    lf,
    vote,
    source: neighbor === -1 ? ('direct' as const) : neighbor === -2 ? ('abstains' as const) : ('neighbor' as const),
    ...(neighbor >= 0 && { neighbor: { row: neighbor, score } }),
    ...weighted(weights),
  }));
  return {
    row,
    label: native.label,
    posterior: native.posterior,
    scale,
    prior,
    evidence,
    ...(prior.logOdds !== undefined && {
      logOdds: evidence.reduce((sum, { logOdds }) => sum + logOdds!, prior.logOdds),
    }),
    ...(smoothing && { neighbors: neighborEvidence(native, smoothing) }),
  };
}

/** The last round of smoothing (native/core/neighbors/knn_posterior.h) for one row, in parts. */
function neighborEvidence(
  { own, evidence, neighbors: rows, mean }: NativeExplanation,
  { ownWeight }: SmoothingReport,
): NeighborEvidence {
  const total = rows.reduce((sum, neighbor) => sum + neighbor.weight, 0);
  const squares = rows.reduce((sum, neighbor) => sum + neighbor.weight ** 2, 0);
  const effective = squares > 0 ? total ** 2 / squares : 0;
  const weights = mean.map((average, y) => {
    const sum = rows.reduce((s, neighbor) => s + neighbor.weight * neighbor.state[y]!, 0);
    const said = total > 0 ? (effective * sum) / total : 0;
    return Math.log((said + average) / ((effective + 1) * average));
  });
  const votes = evidence.filter(({ vote }) => vote !== 0).length;
  return {
    own,
    ownWeight: ownWeight / Math.sqrt(Math.max(1, votes)),
    weights,
    ...(mean.length === 2 && { logOdds: weights[1]! - weights[0]! }),
    rows,
  };
}
