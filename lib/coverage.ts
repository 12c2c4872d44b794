// How many cells and rows have votes.
import type { VoteMatrix } from './types.js';

/** Cells with a vote. */
export const votedCells = ({ data }: VoteMatrix) => data.reduce((sum: number, vote) => sum + (vote === 0 ? 0 : 1), 0);

/** Votes of each row. */
export function voteCounts({ data, shape: [rows, lfs] }: VoteMatrix): Int32Array {
  const counts = new Int32Array(rows);
  for (let row = 0, cell = 0; row < rows; row++)
    for (let lf = 0; lf < lfs; lf++, cell++) if (data[cell] !== 0) counts[row]! += 1;
  return counts;
}

/** 1 for rows with a vote. */
export const votedRows = (votes: VoteMatrix) => Uint8Array.from(voteCounts(votes), (count) => (count > 0 ? 1 : 0));

/** Share of rows that are flagged; 0 of none. */
export const share = (flags: Uint8Array) =>
  flags.length === 0 ? 0 : flags.reduce((sum, flag) => sum + flag, 0) / flags.length;

/** Share of rows with a vote. */
export const coverage = (votes: VoteMatrix) => share(votedRows(votes));
