// What the subcommands read from files, in the form the library takes.
import { describe, rangeError } from '../check.js';
import { type FloatResult, toVotes, type VoteEncoding, type VoteMatrix } from '../index.js';
import { votesEncoding } from '../io/encoding.js';
import { readTable, type Table } from '../io/table.js';

export interface VotesInput {
  readonly votes: VoteMatrix;
  readonly encoding: VoteEncoding;
  readonly table: Table;
}

/** Votes of a binary task (or of `classes` classes) from a file. */
export async function readVotes(path: string, given: VoteEncoding | undefined, classes?: number): Promise<VotesInput> {
  const table = await readTable(path, 'votes');
  const encoding = votesEncoding(table, given);
  return { votes: decode(table, encoding, classes), encoding, table };
}

/**
 * One label per row in the encoding of the votes; 0 in the result: not known.
 *
 * @throws RangeError also when fewer than two classes occur: labels 0 and 1 beside signed votes would be read as "not
 *   known" and +1.
 */
export async function readLabels(path: string, { encoding, votes, table: votesTable }: VotesInput): Promise<Int8Array> {
  const table = await readTable(path, 'label');
  const [, cols] = table.shape;
  if (cols !== 1) throw rangeError('one label per row', path, `${cols} columns`);
  checkSameRows(table, votesTable);
  const labels = decode(table, encoding, votes.classes).data;
  const classes = new Set(labels.filter((label) => label !== 0));
  if (classes.size >= 2) return labels;
  const abstain = encoding === 'signed' ? '0' : '-1';
  throw rangeError(`labels of two classes (${abstain}: not known)`, path, `${classes.size} (encoding '${encoding}')`);
}

/** Embeddings as float32, of the same rows as the votes. */
export async function readEmbeddings(path: string, { table: votesTable }: VotesInput): Promise<FloatResult> {
  const table = await readTable(path, 'embedding');
  checkSameRows(table, votesTable);
  const { data, shape } = table;
  return { data: data instanceof Float32Array ? data : Float32Array.from(data), shape };
}

/** As many rows as there are votes for, and under the same ids where both files have them. */
function checkSameRows(table: Table, votes: Table): void {
  const [rows] = votes.shape;
  if (table.shape[0] !== rows) throw rangeError(`${rows} rows (as in ${votes.path})`, table.path, `${table.shape[0]}`);
  const at = votes.ids ? (table.ids ?? votes.ids).findIndex((id, row) => id !== votes.ids![row]) : -1;
  if (at < 0) return;
  const [wanted, found] = [describe(votes.ids![at]), describe(table.ids![at])];
  throw rangeError(`id ${wanted} (as in ${votes.path})`, `row ${at} of ${table.path}`, found);
}

function decode(table: Table, encoding: VoteEncoding, classes: number | undefined): VoteMatrix {
  try {
    return toVotes(table.data, { encoding, shape: table.shape, classes });
  } catch (error) {
    if (error instanceof RangeError) throw new RangeError(`${table.path}: ${error.message}`, { cause: error });
    throw error;
  }
}
