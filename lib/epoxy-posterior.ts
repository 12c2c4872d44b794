// Epoxy's threshold-free extension: how votes, gold rows and files meet the smoothing of posteriors.
import { type CheckedVotes, rangeError, typeError } from './check.js';
import { EmbeddingSet } from './embedding-set.js';
import type { VotedRows } from './extend.js';
import { type Gold, readGold } from './gold.js';
import { type GoldEvidence, KnnPosterior, type OwnEvidence } from './knn-posterior.js';
import type { LabelModel, PredictOptions } from './label-model.js';
import type { AsyncOptions, CallOptions, Metric, VoteMatrix } from './types.js';

/** @internal Smoothing, and the gold rows of their own that it holds. */
export interface PosteriorExtension {
  readonly smoother: KnnPosterior;
  readonly gold?: GoldSet | undefined;
}

interface GoldSet {
  readonly embeddings: EmbeddingSet;
  readonly owned: boolean;
  /** As given, for JSON; absent if an EmbeddingSet was given, which keeps no original. */
  readonly matrix?: { readonly data: Float32Array; readonly shape: readonly [number, number] } | undefined;
}

/** n x K in class order from what a label model gives: P(Y = +1), or K columns. */
export function classColumns(proba: Float64Array, classes: number): Float64Array {
  if (classes > 0) return proba;
  return Float64Array.from({ length: 2 * proba.length }, (_, at) =>
    at % 2 === 1 ? proba[at >> 1]! : 1 - proba[at >> 1]!,
  );
}

/** The inverse of {@link classColumns}. */
export function publicProba(columns: Float64Array, classes: number): Float64Array {
  return classes > 0 ? columns : Float64Array.from({ length: columns.length / 2 }, (_, row) => columns[2 * row + 1]!);
}

const voteCounts = ({ data, shape: [rows, lfs] }: VoteMatrix) =>
  Int32Array.from({ length: rows }, (_, row) =>
    data.subarray(row * lfs, (row + 1) * lfs).reduce((sum, vote) => sum + (vote === 0 ? 0 : 1), 0),
  );

/** @internal */
export function ownEvidence(model: LabelModel, votes: VoteMatrix, options: CallOptions = {}): OwnEvidence {
  return { proba: classColumns(model.predictProba(votes, options), model.classes), counts: voteCounts(votes) };
}

/** @internal */
export async function ownEvidenceAsync(
  model: LabelModel,
  votes: VoteMatrix,
  options: CallOptions & AsyncOptions,
): Promise<OwnEvidence> {
  return {
    proba: classColumns(await model.predictProbaAsync(votes, options), model.classes),
    counts: voteCounts(votes),
  };
}

/** The likeliest class of each row as a label; rows without evidence and ties as the policies say. */
export function labelsOf(
  columns: Float64Array,
  evidence: Uint8Array,
  model: LabelModel,
  { ties, uncovered }: PredictOptions,
): Int8Array {
  const balance = model.classBalance;
  const label = (c: number) => (model.classes === 0 ? c * 2 - 1 : c + 1);
  // The class with the largest value; undefined: another comes within 1e-9.
  const winner = (values: ArrayLike<number>) => {
    const list = Array.from(values);
    const most = Math.max(...list);
    const near = list.filter((value) => value >= most - 1e-9);
    return near.length === 1 ? list.indexOf(most) : undefined;
  };
  const likeliest = winner(balance);
  return Int8Array.from(evidence, (has, row) => {
    const values = columns.subarray(row * balance.length, (row + 1) * balance.length);
    const found = has === 1 ? winner(values) : undefined;
    if (found !== undefined) return label(found);
    if ((has === 1 ? ties : uncovered) !== 'prior') return 0;
    if (has === 0) return likeliest === undefined ? 0 : label(likeliest);
    const most = Math.max(...values);
    const tied = winner(balance.map((p, c) => (values[c]! >= most - 1e-9 ? p : 0)));
    return tied === undefined ? 0 : label(tied);
  });
}

/** @internal Gold rows before the label model is known: their labels, and where they are. */
export interface OpenGold {
  readonly labels: Int8Array;
  readonly rows?: Int32Array | undefined;
  readonly set?: (GoldSet & { readonly votes: VoteMatrix }) | undefined;
}

/** @internal Checks the gold rows and packs those of their own. */
export async function openGold(
  gold: Gold,
  votes: CheckedVotes,
  metric: Metric,
  dims: number,
  { signal, threads }: AsyncOptions & CallOptions,
): Promise<OpenGold> {
  const { labels, rows } = readGold(gold, votes);
  if ('rows' in gold) return { labels, rows };
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
  options: CallOptions & AsyncOptions,
): Promise<GoldEvidence> {
  const indices = Int32Array.from(labels, (label) =>
    label === 0 ? -1 : model.classes === 0 ? (label === 1 ? 1 : 0) : label - 1,
  );
  if (rows) return { labels: indices, rows };
  return { labels: indices, embeddings: set!.embeddings, ...(await ownEvidenceAsync(model, set!.votes, options)) };
}

/** @internal Posteriors and evidence of any rows. */
export function smoothRows({ smoother }: PosteriorExtension, model: LabelModel, rows: VotedRows, options: CallOptions) {
  return smoother.smooth(rows.embeddings, ownEvidence(model, rows.votes, options), options);
}

/** @internal {@link smoothRows} as a job. */
export async function smoothRowsAsync(
  { smoother }: PosteriorExtension,
  model: LabelModel,
  rows: VotedRows,
  options: CallOptions & AsyncOptions,
) {
  const { onProgress: _, ...quiet } = options;
  return smoother.smoothAsync(rows.embeddings, await ownEvidenceAsync(model, rows.votes, quiet), options);
}

/** What JSON keeps of the smoothing. Numbers of every row are base64 of little-endian float64, embeddings of float32. */
export interface PosteriorExtensionJSON {
  readonly k: number;
  readonly ownWeight: number;
  readonly state: string;
  readonly weight: string;
  readonly mean: readonly number[];
  /** Gold rows of their own, which are neighbours like the fitted rows. */
  readonly gold?: { readonly shape: readonly [number, number]; readonly embeddings: string };
}

const base64 = ({ buffer, byteOffset, byteLength }: Float64Array | Float32Array) =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');

function bytes(text: unknown, length: number, parameter: string): ArrayBuffer {
  if (typeof text !== 'string') throw typeError('base64', parameter, text);
  const decoded = Buffer.from(text, 'base64');
  if (decoded.length !== length) throw rangeError(`${length} bytes`, parameter, String(decoded.length));
  return decoded.buffer.slice(decoded.byteOffset, decoded.byteOffset + decoded.length) as ArrayBuffer;
}

/** @internal */
export function posteriorToJSON({ smoother, gold }: PosteriorExtension): PosteriorExtensionJSON {
  const { k, ownWeight, state, weight, mean } = smoother.state;
  if (gold && !gold.matrix)
    throw new TypeError('Expected gold.embeddings given as a matrix for toJSON but received an EmbeddingSet');
  return {
    k,
    ownWeight,
    state: base64(state),
    weight: base64(weight),
    mean: Array.from(mean),
    ...(gold?.matrix && { gold: { shape: gold.matrix.shape, embeddings: base64(gold.matrix.data) } }),
  };
}

/** @internal */
export function posteriorFromJSON(
  json: PosteriorExtensionJSON,
  embeddings: EmbeddingSet,
  model: LabelModel,
): PosteriorExtension {
  const classes = model.classBalance.length;
  let gold: GoldSet | undefined;
  let rows = embeddings.shape[0];
  if (json.gold) {
    const [goldRows, dims] = json.gold.shape;
    const data = new Float32Array(bytes(json.gold.embeddings, 4 * goldRows * dims, 'json.posterior.gold.embeddings'));
    const matrix = { data, shape: [goldRows, dims] as const };
    gold = { matrix, owned: true, embeddings: new EmbeddingSet(matrix, { metric: embeddings.metric }) };
    rows += goldRows;
  }
  const state = {
    k: json.k,
    ownWeight: json.ownWeight,
    state: new Float64Array(bytes(json.state, 8 * rows * classes, 'json.posterior.state')),
    weight: new Float64Array(bytes(json.weight, 8 * rows, 'json.posterior.weight')),
    mean: Float64Array.from(json.mean),
    classBalance: model.classBalance,
  };
  return { smoother: new KnnPosterior(state, gold ? [embeddings, gold.embeddings] : [embeddings]), gold };
}
