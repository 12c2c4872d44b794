// How many cells and rows have votes.
import type { VoteMatrix } from './types.js';

/** Cells with a vote. */
export const votedCells = ({ data }: VoteMatrix) => data.reduce((sum: number, vote) => sum + (vote === 0 ? 0 : 1), 0);

/** Votes of each row. */
export const voteCounts = ({ data, shape: [rows, lfs] }: VoteMatrix) =>
  Int32Array.from({ length: rows }, (_, row) =>
    data.subarray(row * lfs, (row + 1) * lfs).reduce((sum, vote) => sum + (vote === 0 ? 0 : 1), 0),
  );

/** 1 for rows with a vote. */
export const votedRows = ({ data, shape: [rows, lfs] }: VoteMatrix) =>
  Uint8Array.from({ length: rows }, (_, row) =>
    data.subarray(row * lfs, (row + 1) * lfs).some((vote) => vote !== 0) ? 1 : 0,
  );

/** Share of rows that are flagged; 0 of none. */
export const share = (flags: Uint8Array) =>
  flags.length === 0 ? 0 : flags.reduce((sum, flag) => sum + flag, 0) / flags.length;

/** Share of rows with a vote. */
export const coverage = (votes: VoteMatrix) => share(votedRows(votes));
