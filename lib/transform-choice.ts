// `transform: 'auto'`: which transform of the embeddings brings rows together that the rules take for the same class.
import { checkFloatMatrix, typeError } from './check.js';
import { classColumns } from './columns.js';
import { voteCounts } from './coverage.js';
import { EmbeddingSet, type Embeddings } from './embedding-set.js';
import { LabelModel, type LabelModelOptions } from './label-model.js';
import { type NeighborLists, neighborListsAsync } from './neighbor-lists.js';
import { pickVotes } from './partitioned-model.js';
import { EmbeddingTransform, type TransformName } from './transform.js';
import type { AsyncOptions, CallOptions, FloatMatrix, Metric, VoteMatrix } from './types.js';

const KINDS = ['none', 'centre', 'whiten', 'all-but-the-top'] as const;
/** At most this many rows with votes judge, evenly drawn. */
const MAX_ROWS = 3000;
const NEIGHBORS = 10;
/** Centred rows this small beside the rows are rounding. */
const ALIKE = 1e-6;

/** What every transform that was tried scored. */
export type TransformScores = Readonly<Partial<Record<TransformName, number>>>;

/**
 * @internal The transform under which neighbours agree best, by votes alone: the mean over the classes of what the ten
 * nearest rows give to the class that a row's own votes name (posteriors both, only rows with votes). 'none' unless
 * another is better by more than one standard error.
 */
export async function chooseTransform(
  rows: { readonly votes: VoteMatrix; readonly embeddings: Embeddings },
  metric: Metric,
  fitting: LabelModelOptions,
  { threads, signal }: CallOptions & AsyncOptions,
): Promise<{ kind: TransformName; scores: TransformScores | undefined }> {
  if (rows.embeddings instanceof EmbeddingSet)
    throw typeError('a matrix (because of `transform`)', 'embeddings', rows.embeddings);
  const options = { threads, signal };
  const model = await LabelModel.fitAsync(rows.votes, { ...fitting, signal });
  const covered = Array.from(voteCounts(rows.votes).entries()).flatMap(([row, count]) => (count > 0 ? [row] : []));
  const step = Math.max(1, covered.length / MAX_ROWS);
  const drawn = Array.from({ length: Math.min(MAX_ROWS, covered.length) }, (_, at) => covered[Math.floor(at * step)]!);
  if (drawn.length < 2) return { kind: 'none', scores: undefined };
  const votes = pickVotes(rows, drawn).votes;
  const own = classColumns(await model.predictProbaAsync(votes, options), model.classes);
  const tried: { kind: TransformName; agreement: Float64Array }[] = [];
  for (const kind of KINDS) {
    // One direction cannot be left out of one, and rows that are all alike leave nothing to choose.
    if (kind === 'all-but-the-top' && checkFloatMatrix(rows.embeddings, 'embeddings').cols < 2) continue;
    const transform = await EmbeddingTransform.fit(rows.embeddings, kind, metric, options);
    const mine = pickRows(rows.embeddings, drawn);
    const seen = transform ? await transform.applyAsync(mine, 'embeddings', options) : mine;
    if (kind === 'centre' && largest(seen.data) <= ALIKE * largest(mine.data))
      return { kind: 'none', scores: undefined };
    const set = await EmbeddingSet.create(seen, { metric, threads, signal });
    const k = Math.min(NEIGHBORS, drawn.length - 1);
    const lists = await neighborListsAsync(set, drawn.length, [set], k, { ...options, selfFrom: 0 });
    set.close();
    tried.push({ kind, agreement: agreements(lists, own, model.classBalance.length) });
  }
  const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [none, ...others] = tried as [(typeof tried)[number], ...typeof tried];
  let best: { kind: TransformName; gain: number } = { kind: 'none', gain: 0 };
  for (const { kind, agreement } of others) {
    const gains = agreement.map((value, at) => value - none.agreement[at]!);
    const gain = mean(gains);
    const error = Math.sqrt(mean(gains.map((value) => (value - gain) ** 2)) / (gains.length - 1));
    if (gain > Math.max(error, best.gain)) best = { kind, gain };
  }
  const scores = Object.fromEntries(tried.map(({ kind, agreement }) => [kind, mean(agreement)]));
  return { kind: best.kind, scores };
}

const largest = (values: Float32Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Per row, what its neighbours give to the class it is of; their mean weighs the classes alike. */
function agreements({ indices, weights, k, rows }: NeighborLists, own: Float64Array, classes: number): Float64Array {
  const mass = new Float64Array(classes);
  own.forEach((q, at) => {
    mass[at % classes]! += q;
  });
  const present = mass.filter((m) => m > 0).length;
  return Float64Array.from({ length: rows }, (_, row) => {
    const near = new Float64Array(classes);
    let total = 0;
    for (let at = row * k; at < (row + 1) * k; at++) {
      if (!(weights[at]! > 0)) continue;
      total += weights[at]!;
      for (let y = 0; y < classes; y++) near[y]! += weights[at]! * own[indices[at]! * classes + y]!;
    }
    if (total === 0) return 0;
    return near.reduce((sum, n, y) => {
      const share = mass[y]! > 0 ? own[row * classes + y]! / mass[y]! : 0;
      return sum + (rows / present) * share * (n / total);
    }, 0);
  });
}

function pickRows(embeddings: FloatMatrix, rows: readonly number[]): { data: Float32Array; shape: [number, number] } {
  const { data, cols } = checkFloatMatrix(embeddings, 'embeddings');
  const picked = new Float32Array(rows.length * cols);
  rows.forEach((row, at) => {
    picked.set(data.subarray(row * cols, (row + 1) * cols), at * cols);
  });
  return { data: picked, shape: [rows.length, cols] };
}

/** @internal What a report says of the transform. */
export function describeTransform(
  {
    fitted,
    scores,
  }: { readonly fitted: EmbeddingTransform | undefined; readonly scores?: TransformScores | undefined },
  embeddings: EmbeddingSet,
) {
  return { kind: fitted?.kind ?? ('none' as const), dims: embeddings.shape[1], ...(scores && { scores }) };
}
