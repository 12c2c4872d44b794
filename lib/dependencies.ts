import { rangeError } from './check.js';
import { addon } from './native.js';
import type { CallOptions, Votes } from './types.js';
import { countVotes, VoteCounts } from './votes.js';

/** Two labelling functions whose votes go together, or against each other, more than the label explains. */
export interface Dependency {
  /** Their columns, ascending: an entry for `lfEdges`. */
  readonly lfs: readonly [a: number, b: number];
  /** What is left of the correlation of their votes once the label is accounted for. */
  readonly correlation: number;
  /** The same in standard errors under independence given the label. */
  readonly z: number;
}

/**
 * Dependencies the votes themselves show: suggestions for `lfEdges`, never applied unasked. Covariances of binary votes that
 * are independent given the label are a product of two strengths; pairs that stand out of a robust rank-one fit beyond
 * chance (1 % over all pairs) are listed, the strongest first (low rank plus sparse, after Varma et al., arXiv 1903.05844).
 *
 * @throws RangeError: votes for classes; TypeError or RangeError as countVotes.
 */
export function suggestDependencies(votes: Votes | VoteCounts, options: CallOptions = {}): Dependency[] {
  const counts = votes instanceof VoteCounts ? votes : countVotes(votes, options);
  if (counts.classes !== 0) throw rangeError('binary votes', 'votes', `${counts.classes} classes`);
  const flat = addon.suggestDependencies(counts.flat, counts.lfs);
  return Array.from({ length: flat.length / 4 }, (_, at) => {
    const [a, b, correlation, z] = flat.subarray(4 * at, 4 * at + 4);
    return { lfs: [a!, b!], correlation: correlation!, z: z! };
  });
}
