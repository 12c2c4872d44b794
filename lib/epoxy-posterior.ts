// Epoxy's threshold-free extension: how votes, gold rows and files meet the smoothing of posteriors.
import { rangeError } from './check.js';
import { classColumns, labelsOf, publicProba } from './columns.js';
import { coverage, share, voteCounts, votedCells } from './coverage.js';
import { EmbeddingSet } from './embedding-set.js';
import type { CheckedInput, EpoxyReport, EpoxyState, Fitted, PreparedRows, Stopwatch } from './epoxy-types.js';
import type { ShapedRows } from './extend-input.js';
import type { CheckedGold } from './gold.js';
import { type GoldEvidence, KnnPosterior } from './knn-posterior.js';
import { LabelModel, type LabelModelOptions } from './label-model.js';
import { choosePartitions, judgingRows } from './partition-choice.js';
import type { PartitionedModel } from './partitioned-model.js';
import type { OwnEvidence } from './posterior-graph.js';
import { describeTransform } from './transform-choice.js';
import type { AsyncOptions, CallOptions, Metric, VoteMatrix } from './types.js';

/** @internal Smoothing, and the gold rows of their own that it holds. */
export interface PosteriorExtension {
  readonly smoother: KnnPosterior;
  /** Absent: one label model for all rows. */
  readonly local?: PartitionedModel | undefined;
  readonly gold?: GoldSet | undefined;
}

/** @internal */
export interface GoldSet {
  readonly embeddings: EmbeddingSet;
  readonly owned: boolean;
  /** As given, for JSON; absent if an EmbeddingSet was given: its rows as it holds them then have to do. */
  readonly matrix?: { readonly data: Float32Array; readonly shape: readonly [number, number] } | undefined;
}

function ownEvidence(
  model: LabelModel,
  local: PartitionedModel | undefined,
  { votes, embeddings }: ShapedRows,
  options: CallOptions,
): OwnEvidence {
  const proba = local ? local.proba({ votes }, embeddings, options) : model.predictProba(votes, options);
  return { proba: classColumns(proba, model.classes), counts: voteCounts(votes) };
}

async function ownEvidenceAsync(
  model: LabelModel,
  local: PartitionedModel | undefined,
  { votes, embeddings }: ShapedRows,
  options: CallOptions & AsyncOptions,
): Promise<OwnEvidence> {
  const proba = local
    ? await local.probaAsync({ votes }, embeddings, options)
    : await model.predictProbaAsync(votes, options);
  return { proba: classColumns(proba, model.classes), counts: voteCounts(votes) };
}

/** @internal Gold rows before the label model is known: their labels, and where they are. */
export interface OpenGold {
  readonly labels: Int8Array;
  readonly rows?: Int32Array | undefined;
  readonly set?: (GoldSet & { readonly votes: VoteMatrix }) | undefined;
}

/** @internal Packs gold rows of their own. */
export async function openGold(
  gold: CheckedGold,
  metric: Metric,
  dims: number,
  { signal, threads }: AsyncOptions & CallOptions,
): Promise<OpenGold> {
  if ('rows' in gold) return gold;
  const { labels } = gold;
  const given = gold.embeddings;
  const owned = !(given instanceof EmbeddingSet);
  const embeddings = owned ? await EmbeddingSet.create(given, { metric, threads, signal }) : given;
  EmbeddingSet.operand(embeddings, 'gold.embeddings', metric);
  const [goldRows, goldDims] = embeddings.shape;
  const refuse = (what: string, received: string) => {
    if (owned) embeddings.close();
    throw rangeError(what, 'gold.embeddings', received);
  };
  if (goldDims !== dims) refuse(`${dims} columns (as in embeddings)`, String(goldDims));
  if (goldRows !== labels.length) refuse(`${labels.length} rows (as in gold.labels)`, String(goldRows));
  const matrix = owned ? { data: given.data.slice(), shape: embeddings.shape } : undefined;
  return { labels, set: { embeddings, owned, matrix, votes: gold.votes } };
}

/** @internal Gold rows with their own evidence under a fitted model. */
export async function goldEvidence(
  { labels, rows, set }: OpenGold,
  model: LabelModel,
  local: PartitionedModel | undefined,
  options: CallOptions & AsyncOptions,
): Promise<GoldEvidence> {
  const indices = Int32Array.from(labels, (label) =>
    label === 0 ? -1 : model.classes === 0 ? (label === 1 ? 1 : 0) : label - 1,
  );
  if (rows) return { labels: indices, rows };
  return { labels: indices, embeddings: set!.embeddings, ...(await ownEvidenceAsync(model, local, set!, options)) };
}

/** @internal Posteriors and evidence of any rows. */
export function smoothRows(
  { smoother, local }: PosteriorExtension,
  model: LabelModel,
  rows: ShapedRows,
  options: CallOptions,
) {
  return smoother.smooth(rows.embeddings, ownEvidence(model, local, rows, options), options);
}

/** @internal {@link smoothRows} as a job. */
export async function smoothRowsAsync(
  { smoother, local }: PosteriorExtension,
  model: LabelModel,
  rows: ShapedRows,
  options: CallOptions & AsyncOptions,
) {
  const { onProgress: _, ...quiet } = options;
  return smoother.smoothAsync(rows.embeddings, await ownEvidenceAsync(model, local, rows, quiet), options);
}

/** @internal Extension 'posterior': the label model learns from the direct votes, and posteriors travel instead of votes. */
export async function fitPosterior(
  { support, ownsEmbeddings, transform }: PreparedRows,
  input: CheckedInput,
  options: CallOptions & AsyncOptions & { k: number | undefined },
  clock: Stopwatch,
): Promise<{ state: EpoxyState; fitted: Fitted }> {
  const { votes, embeddings } = support;
  const { metric } = embeddings;
  const quiet = { signal: options.signal, threads: options.threads };
  const [rows, lfs] = votes.shape;
  const gold = input.gold === undefined ? undefined : await openGold(input.gold, metric, embeddings.shape[1], quiet);
  const fitting: LabelModelOptions = {
    threads: input.threads,
    ...(gold && { classBalance: { labels: gold.labels } }),
    ...input.model,
  };
  const model = await LabelModel.fitAsync(votes, { ...fitting, signal: options.signal });
  clock.lap('fit');
  const judges = input.gold && judgingRows(input.gold, support);
  const { local, report: partitions } = await choosePartitions(
    { ...support, model, fitting },
    input.partitions ?? 1,
    judges,
    quiet,
  );
  const own = await ownEvidenceAsync(model, local, support, quiet);
  clock.lap('predict');
  const {
    smoother,
    proba,
    evidence,
    report: smoothing,
  } = await KnnPosterior.fit(
    { embeddings, ...own },
    gold && (await goldEvidence(gold, model, local, quiet)),
    model.classBalance,
    { ...options, endModel: input.endModel, onLists: () => clock.lap('neighbors') },
  );
  clock.lap('thresholds');
  const thresholds = new Float64Array(lfs).fill(metric === 'l2' ? 0 : Number.POSITIVE_INFINITY);
  const report: EpoxyReport = {
    rows,
    lfs,
    metric,
    extension: 'posterior',
    transform: describeTransform(transform, embeddings),
    coverage: { direct: coverage(votes), extended: share(evidence) },
    cells: { direct: votedCells(votes), extended: votedCells(votes) },
    thresholds: Array.from(thresholds),
    thresholdChoice: { source: 'none' },
    ...(input.partitions !== undefined && { partitions }),
    smoothing,
    method: model.method,
    classBalance: model.classBalance,
    classBalanceSource: model.classBalanceSource,
    accuracies: model.accuracies,
    timings: clock.laps,
  };
  const posterior = { smoother, local, gold: gold?.set };
  const state = {
    support,
    ownsEmbeddings,
    thresholds,
    model,
    fallback: undefined,
    voters: 1,
    transform: transform.fitted,
    local,
    posterior,
  };
  const labels = labelsOf(proba, evidence, model, {});
  return { state, fitted: { votes, proba: publicProba(proba, model.classes), labels, evidence, report } };
}
