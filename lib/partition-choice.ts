// How many partitions: as given, or by what predicts best what did not fit them.
import { checkInteger, rangeError } from './check.js';
import { classColumns } from './columns.js';
import { EmbeddingSet, type Embeddings } from './embedding-set.js';
import type { CheckedGold } from './gold.js';
import { LabelModel, type LabelModelOptions } from './label-model.js';
import { PartitionedModel, pickVotes } from './partitioned-model.js';
import type { AsyncOptions, CallOptions, VoteMatrix } from './types.js';

const COUNTS = [2, 5, 10];
/** Partitions of fewer rows on average are not tried. */
const MIN_ROWS = 100;
/** Fewer gold labels cannot choose. */
const MIN_GOLD = 10;
/** At most this many rows judge without gold. */
const MAX_HELD = 2000;
const SMALLEST_PROBA = 1e-3;

/** How many partitions, and how that came about. */
export interface PartitionReport {
  readonly count: number;
  readonly source: 'given' | 'gold' | 'votes';
  /** Under 'auto' the log-loss of every number tried: of gold labels, or of votes by the other votes on their row. */
  readonly losses?: readonly { readonly count: number; readonly loss: number }[];
}

/** @internal Gold rows. */
export interface JudgingRows {
  readonly votes: VoteMatrix;
  readonly embeddings: Embeddings;
  readonly labels: Int8Array;
}

/** @internal Gold rows with their votes and embeddings, wherever they are. */
export function judgingRows(
  gold: CheckedGold,
  { votes, embeddings }: { readonly votes: VoteMatrix; readonly embeddings: EmbeddingSet },
): JudgingRows {
  if (!('rows' in gold)) return gold;
  const { rows, labels } = gold;
  const matrix = { data: embeddings.gather(rows), shape: [rows.length, embeddings.shape[1]] as const };
  return { ...pickVotes({ votes }, Array.from(rows)), embeddings: matrix, labels };
}

/** @internal The rows being fitted, their label model, and how it was fitted. */
export interface FittedRows {
  readonly votes: VoteMatrix;
  readonly embeddings: EmbeddingSet;
  readonly model: LabelModel;
  readonly fitting: LabelModelOptions;
}

/** @internal The models by partition (undefined: one for all) and how many they are. */
export async function choosePartitions(
  rows: FittedRows,
  asked: number | 'auto',
  gold: JudgingRows | undefined,
  options: CallOptions & AsyncOptions,
): Promise<{ local: PartitionedModel | undefined; report: PartitionReport }> {
  const n = rows.votes.shape[0];
  const fitOn = async ({ votes, embeddings, model, fitting }: FittedRows, count: number) =>
    count === 1 ? undefined : PartitionedModel.fit(votes, embeddings, model, count, fitting, options);
  if (asked !== 'auto') {
    const count = checkInteger(asked, 'partitions', 1, Math.max(1, n));
    if (rows.fitting.compat !== undefined && count > 1)
      throw rangeError("1 (under compat 'flyingsquid')", 'partitions', String(count));
    return { local: await fitOn(rows, count), report: { count, source: 'given' } };
  }
  const byGold = gold !== undefined && gold.labels.filter((label) => label !== 0).length >= MIN_GOLD;
  const source = byGold ? 'gold' : 'votes';
  // One vote is as good as another under majority vote, wherever it is.
  const usable = rows.fitting.compat === undefined && rows.model.method !== 'majority';
  const counts = usable ? COUNTS.filter((count) => n / count >= MIN_ROWS) : [];
  if (counts.length === 0) return { local: undefined, report: { count: 1, source } };
  const trial = byGold ? rows : await half(rows, 0, options);
  const held = byGold ? gold : await half(rows, 1, options);
  let best: { count: number; loss: number } | undefined;
  const losses: { count: number; loss: number }[] = [];
  for (const count of [1, ...counts]) {
    const local = await fitOn(trial, count);
    const proba = async (votes: VoteMatrix, embeddings: Embeddings) =>
      classColumns(
        local
          ? await local.probaAsync({ votes }, embeddings, options)
          : await trial.model.predictProbaAsync(votes, options),
        trial.model.classes,
      );
    const loss = 'labels' in held ? await goldLoss(held, proba) : await voteLoss(held, proba);
    losses.push({ count, loss });
    if (best === undefined || loss < best.loss) best = { count, loss };
  }
  if (!byGold) (trial as FittedRows).embeddings.close();
  if (!byGold) (held as FittedRows).embeddings.close();
  return { local: await fitOn(rows, best!.count), report: { count: best!.count, source, losses } };
}

type Proba = (votes: VoteMatrix, embeddings: Embeddings) => Promise<Float64Array>;

const classOf = (vote: number, { classes }: VoteMatrix) => (classes === undefined ? (vote + 1) / 2 : vote - 1);
const lossOf = (p: number) => -Math.log(Math.max(SMALLEST_PROBA, p));

async function goldLoss({ votes, embeddings, labels }: JudgingRows, proba: Proba): Promise<number> {
  const columns = await proba(votes, embeddings);
  const size = columns.length / labels.length;
  let loss = 0;
  let known = 0;
  labels.forEach((label, row) => {
    if (label === 0) return;
    known++;
    loss += lossOf(columns[row * size + classOf(label, votes)]!);
  });
  return loss / known;
}

/** How well every vote is foretold by the other votes on its row. */
async function voteLoss({ votes, embeddings }: FittedRows, proba: Proba): Promise<number> {
  const [rows, lfs] = votes.shape;
  let loss = 0;
  let count = 0;
  for (let lf = 0; lf < lfs; lf++) {
    const others = votes.data.map((vote, cell) => (cell % lfs === lf ? 0 : vote));
    const asked = Array.from({ length: rows }, (_, row) => row).filter(
      (row) =>
        votes.data[row * lfs + lf] !== 0 && others.subarray(row * lfs, (row + 1) * lfs).some((vote) => vote !== 0),
    );
    if (asked.length === 0) continue;
    const dims = embeddings.shape[1];
    const held = { data: embeddings.gather(Int32Array.from(asked)), shape: [asked.length, dims] as const };
    const columns = await proba(pickVotes({ votes: { ...votes, data: others } }, asked).votes, held);
    const size = columns.length / asked.length;
    asked.forEach((row, at) => {
      loss += lossOf(columns[at * size + classOf(votes.data[row * lfs + lf]!, votes)]!);
      count++;
    });
  }
  return loss / Math.max(1, count);
}

/** Every other row, with a label model of its own (odd ones: at most {@link MAX_HELD}, no model). */
async function half(rows: FittedRows, odd: 0 | 1, options: CallOptions & AsyncOptions): Promise<FittedRows> {
  const { embeddings, fitting } = rows;
  const [n, dims] = embeddings.shape;
  const step = odd === 0 ? 2 : 2 * Math.max(1, Math.ceil(n / 2 / MAX_HELD));
  const mine = Array.from({ length: Math.ceil(Math.max(0, n - odd) / step) }, (_, at) => odd + at * step);
  const votes = pickVotes({ votes: rows.votes }, mine).votes;
  const { metric } = embeddings;
  const { threads, signal } = options;
  const matrix = { data: embeddings.gather(Int32Array.from(mine)), shape: [mine.length, dims] as const };
  const set = await EmbeddingSet.create(matrix, { metric, threads, signal });
  const method = rows.model.method as LabelModelOptions['method'];
  const model = odd === 0 ? await LabelModel.fitAsync(votes, { ...fitting, method, threads, signal }) : rows.model;
  return { votes, embeddings: set, model, fitting };
}
