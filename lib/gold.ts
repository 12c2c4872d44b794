// The gold rows: what they are.
import { type CheckedVotes, checkInteger, checkVotes, rangeError, typeError } from './check.js';
import type { VotedRows } from './extend.js';
import { checkLabels } from './votes.js';

/** The few labelled rows that tune thresholds and class balance: rows of their own, or some of the rows being fitted. */
export type Gold =
  | (VotedRows & { readonly labels: ArrayLike<number> })
  | { readonly rows: ArrayLike<number>; readonly labels: ArrayLike<number> };

/**
 * @internal Checks gold rows: their labels (0 = unknown) and, if they are some of the fitted rows, which.
 * @param votes the fitted rows' votes.
 */
export function readGold(gold: Gold, votes: CheckedVotes): { labels: Int8Array; rows?: Int32Array } {
  if (typeof gold !== 'object' || gold === null)
    throw typeError('{ votes, embeddings, labels } or { rows, labels }', 'gold', gold);
  if ('rows' in gold) {
    const rows = Int32Array.from(gold.rows, (row, at) => checkInteger(row, `gold.rows[${at}]`, 0, votes.rows - 1));
    return { labels: checkLabels(gold.labels, { ...votes, rows: rows.length }, 'gold.labels'), rows };
  }
  const goldVotes = checkVotes(gold.votes, 'gold.votes');
  if (goldVotes.classes !== votes.classes)
    throw rangeError(
      `classes as in votes (${votes.classes || 'signed'})`,
      'gold.votes',
      String(goldVotes.classes || 'signed'),
    );
  return { labels: checkLabels(gold.labels, goldVotes, 'gold.labels') };
}
