// How many cells and rows have votes. Plain loops: millions of cells are counted while an event loop waits.
import type { VoteMatrix } from './types.js';

/** Cells with a vote. */
export const votedCells = (votes: VoteMatrix) => voteCounts(votes).reduce((sum, count) => sum + count, 0);

/** Votes of each row. */
export function voteCounts({ data, shape: [rows, lfs] }: VoteMatrix): Int32Array {
  const counts = new Int32Array(rows);
  for (let row = 0, cell = 0; row < rows; row++) {
    let count = 0;
    for (const end = cell + lfs; cell < end; cell++) if (data[cell] !== 0) count++;
    counts[row] = count;
  }
  return counts;
}

/** 1 for rows with a vote. */
export const votedRows = (votes: VoteMatrix) => Uint8Array.from(voteCounts(votes), (count) => (count > 0 ? 1 : 0));

/** Share of rows that are flagged; 0 of none. */
export const share = (flags: Uint8Array) =>
  flags.length === 0 ? 0 : flags.reduce((sum, flag) => sum + flag, 0) / flags.length;

/** Share of rows with a vote. */
export const coverage = (votes: VoteMatrix) => share(votedRows(votes));
