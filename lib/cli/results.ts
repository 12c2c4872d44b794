// From a fitted Epoxy to the rows of an output file.
import type { Epoxy, VoteMatrix } from '../index.js';
import { COVERAGE, type Labels } from '../io/labels.js';

/** Labels of the fitted rows, with how each came about. @param votes the rows' own votes, as they were fitted. */
export function fittedLabels(epoxy: Epoxy, votes: VoteMatrix, ids?: readonly string[]): Labels {
  const { labels, proba, evidence } = epoxy;
  const { classes } = epoxy.model;
  const coverage = Uint8Array.from(labels, (_, row) => {
    const word = hasVote(votes, row) ? 'covered' : evidence[row] === 1 ? 'extended' : 'uncovered';
    return COVERAGE.indexOf(word);
  });
  const probabilities = Float64Array.from(labels, (label, row) => {
    if (label === 0) return Number.NaN;
    if (classes > 0) return proba[row * classes + label - 1]!;
    return label === 1 ? proba[row]! : 1 - proba[row]!;
  });
  return { ids, labels, probabilities, coverage };
}

/** Whether any labelling function votes on the row. */
export function hasVote({ data, shape: [, lfs] }: VoteMatrix, row: number): boolean {
  return data.subarray(row * lfs, (row + 1) * lfs).some((vote) => vote !== 0);
}

/** Share of rows with a vote. */
export function coverage(votes: VoteMatrix): number {
  let covered = 0;
  for (let row = 0; row < votes.shape[0]; row++) if (hasVote(votes, row)) covered++;
  return covered / votes.shape[0];
}
