// The gold rows: what they are.
import { type CheckedVotes, checkInteger, rangeError, typeError } from './check.js';
import { type ShapedRows, shapedRows, type VotedRows } from './extend-input.js';
import { checkLabels } from './votes.js';

/** The few labelled rows that tune thresholds and class balance: rows of their own, or some of the rows being fitted. */
export type Gold =
  | (VotedRows & { readonly labels: ArrayLike<number> })
  | { readonly rows: ArrayLike<number>; readonly labels: ArrayLike<number> };

/** @internal Gold rows, checked; labels 0 = unknown. */
export type CheckedGold =
  | (ShapedRows & { readonly labels: Int8Array })
  | { readonly rows: Int32Array; readonly labels: Int8Array };

/**
 * @internal Checks gold rows; `copy`: votes and embeddings too are copied.
 * @param votes the fitted rows' votes.
 */
export function checkGold(gold: Gold, votes: CheckedVotes, copy = false): CheckedGold {
  if (typeof gold !== 'object' || gold === null)
    throw typeError('{ votes, embeddings, labels } or { rows, labels }', 'gold', gold);
  if ('rows' in gold) return checkGoldRows(gold, votes);
  const own = shapedRows(gold, 'gold.', copy);
  const [rows, lfs] = own.votes.shape;
  const classes = own.votes.classes ?? 0;
  if (classes !== votes.classes)
    throw rangeError(`classes as in votes (${votes.classes || 'signed'})`, 'gold.votes', String(classes || 'signed'));
  if (lfs !== votes.cols) throw rangeError(`${votes.cols} labelling functions (as in votes)`, 'gold.votes', `${lfs}`);
  return { ...own, labels: checkLabels(gold.labels, { ...votes, rows }, 'gold.labels') };
}

/** @internal Gold rows among `votes.rows` others: which, and their labels. A row that is named twice has one label. */
export function checkGoldRows(
  gold: { readonly rows: ArrayLike<number>; readonly labels: ArrayLike<number> },
  votes: CheckedVotes,
): { readonly rows: Int32Array; readonly labels: Int8Array } {
  if (typeof gold?.rows !== 'object' || typeof gold.rows?.length !== 'number')
    throw typeError('an array of row numbers', 'gold.rows', gold?.rows);
  const rows = Int32Array.from(gold.rows, (row, at) => checkInteger(row, `gold.rows[${at}]`, 0, votes.rows - 1));
  const labels = checkLabels(gold.labels, { ...votes, rows: rows.length }, 'gold.labels');
  const known = new Map<number, number>();
  labels.forEach((label, at) => {
    const row = rows[at]!;
    const before = known.get(row) ?? label;
    if (before !== label)
      throw rangeError(`one label for row ${row}`, `gold.labels[${at}]`, `${label} after ${before}`);
    known.set(row, label);
  });
  return { rows, labels };
}
