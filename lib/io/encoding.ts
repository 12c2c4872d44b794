// Which of the two ways of writing votes down a file uses. Read as signed (0 abstains) unless told otherwise, and
// refused where that reading is in doubt: a wrong guess here turns every abstain into a vote without any error.
import { rangeError } from '../check.js';
import type { VoteEncoding } from '../votes.js';
import type { Table } from './table.js';

/**
 * The encoding of votes from a file.
 *
 * Without `given`, votes are signed; in doubt are votes that hold -1 and no 0, more -1 than 0, -1 beside values above
 * 1, or nothing but 0 and 1.
 *
 * @throws RangeError in doubt.
 */
export function votesEncoding(votes: Table, given: VoteEncoding | undefined): VoteEncoding {
  if (given !== undefined) return given;
  const doubt = doubtOf(votes);
  if (doubt === undefined) return 'signed';
  throw rangeError(
    '--encoding signed (0 abstains, -1 and +1 vote) or --encoding snorkel (-1 abstains, 0 and 1 vote)',
    votes.path,
    doubt,
  );
}

/** What keeps the votes from being read as signed without a word from the user. */
function doubtOf({ data }: Table): string | undefined {
  let minusOnes = 0;
  let zeros = 0;
  let highest = Number.NEGATIVE_INFINITY;
  for (const vote of data) {
    if (vote === -1) minusOnes++;
    if (vote === 0) zeros++;
    if (vote > highest) highest = vote;
  }
  if (minusOnes === 0) return zeros > 0 && highest === 1 ? 'nothing but 0 and 1, which could be either' : undefined;
  if (highest > 1) return `votes from -1 to ${highest} (snorkel with --classes ${highest + 1}?)`;
  if (zeros === 0) return 'votes with -1 and without 0, which could be either';
  return minusOnes > zeros ? `more -1 (${minusOnes}) than 0 (${zeros}), which could be either` : undefined;
}
