// What extension starts from, checked.
import {
  type CheckedVotes,
  checkFloatMatrix,
  checkMetric,
  checkOptions,
  checkVotes,
  rangeError,
  shapedVotes,
  typeError,
} from './check.js';
import { checkCuda } from './device.js';
import { EmbeddingSet, type Embeddings } from './embedding-set.js';
import type { NativeVoteOperands } from './native.js';
import type { Metric, SearchOptions, VoteMatrix, Votes } from './types.js';

/** Votes on rows and the embeddings of the same rows. */
export interface VotedRows {
  readonly votes: Votes;
  readonly embeddings: Embeddings;
}

/** What extension starts from. */
export interface ExtensionInput extends VotedRows {
  /** Whose votes are extended; default: the rows themselves. */
  readonly support?: VotedRows | undefined;
  /** Default 'cosine'. */
  readonly metric?: Metric | undefined;
}

/** @internal Rows whose votes have a shape. */
export interface ShapedRows extends VotedRows {
  readonly votes: VoteMatrix;
}

/** @internal Checked rows, those of an EmbeddingSet apart. `copy`: in memory of their own. */
export function shapedRows(rows: VotedRows, prefix = '', copy = false): ShapedRows {
  if (typeof rows !== 'object' || rows === null)
    throw typeError('{ votes, embeddings }', prefix.slice(0, -1) || 'rows', rows);
  const votes = shapedVotes(rows.votes, `${prefix}votes`);
  if (!copy) return { votes, embeddings: rows.embeddings };
  return {
    votes: { ...votes, data: votes.data.slice() },
    embeddings: copied(rows.embeddings, `${prefix}embeddings`),
  };
}

/** @internal A matrix in memory of its own; an EmbeddingSet is one already. */
export function copied(embeddings: Embeddings, parameter = 'embeddings'): Embeddings {
  if (embeddings instanceof EmbeddingSet) return embeddings;
  const { data, rows, cols } = checkFloatMatrix(embeddings, parameter);
  return { data: data.slice(), shape: [rows, cols] };
}

/** @internal */
export function checkInput(input: ExtensionInput, copy = false) {
  checkOptions(input, 'input');
  const metric = checkMetric(input.metric ?? 'cosine');
  const votedRows = (rows: VotedRows, prefix: string) => {
    if (typeof rows !== 'object' || rows === null) throw typeError('{ votes, embeddings }', 'support', rows);
    const votes = checkVotes(rows.votes, `${prefix}votes`);
    const operand = EmbeddingSet.operand(rows.embeddings, `${prefix}embeddings`, metric, copy);
    if (votes.rows !== operand[1]) {
      throw rangeError(`${operand[1]} rows (as in ${prefix}embeddings)`, `${prefix}votes`, String(votes.rows));
    }
    return { votes: copy ? { ...votes, data: votes.data.slice() } : votes, operand };
  };
  const queries = votedRows(input, '');
  const support = input.support === undefined ? queries : votedRows(input.support, 'support.');
  if (support.votes.cols !== queries.votes.cols) {
    throw rangeError(
      `${queries.votes.cols} labelling functions (as in votes)`,
      'support.votes',
      String(support.votes.cols),
    );
  }
  if (support.votes.classes !== queries.votes.classes) {
    const kind = ({ classes }: CheckedVotes) => (classes === 0 ? 'votes -1/+1' : `votes 1 to ${classes}`);
    throw rangeError(`${kind(queries.votes)} (as in votes)`, 'support.votes', kind(support.votes));
  }
  EmbeddingSet.checkSameDims(queries.operand, support.operand, 'embeddings', 'support.embeddings');
  const flat = ({ data, rows, cols }: CheckedVotes) => [data, rows, cols] as const;
  const operands: NativeVoteOperands = [
    ...queries.operand,
    ...flat(queries.votes),
    ...support.operand,
    ...flat(support.votes),
    queries.votes.classes,
    metric,
  ];
  return { votes: queries.votes, operands, metric };
}

/** @internal Whether the call runs on a CUDA device. */
export const onCuda = ({ device, embeddings, support }: ExtensionInput & SearchOptions) =>
  checkCuda(device, embeddings, support?.embeddings ?? embeddings);

/** @internal */
export function emptyVotes(rows: number, lfs: number, classes: number): VoteMatrix {
  const data = new Int8Array(rows * lfs);
  return classes === 0 ? { data, shape: [rows, lfs] } : { data, shape: [rows, lfs], classes };
}

/** @internal */
export const emptyNeighbors = (cells: number) => ({
  neighbors: new Int32Array(cells),
  scores: new Float32Array(cells),
});
