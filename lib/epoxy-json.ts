// A fitted Epoxy as plain data and back.
import { createHash } from 'node:crypto';
import {
  checkInteger,
  checkMetric,
  checkOptions,
  checkShape,
  checkThresholds,
  rangeError,
  shapedVotes,
  typeError,
} from './check.js';
import { numbers } from './class-balance.js';
import { EmbeddingSet } from './embedding-set.js';
import { EndModel, type EndModelJSON } from './end-model.js';
import type { GoldSet, PosteriorExtension } from './epoxy-posterior.js';
import type { EpoxyState } from './epoxy-types.js';
import type { VotedRows } from './extend.js';
import { KnnPosterior } from './knn-posterior.js';
import { LabelModel, type LabelModelJSON } from './label-model.js';
import { PartitionedModel, type PartitionsJSON } from './partitioned-model.js';
import type { MixedEndModel } from './posterior-end-model.js';
import { EmbeddingTransform, type TransformJSON } from './transform.js';
import type { Metric, VoteMatrix } from './types.js';

const FORMAT = 'nearvote.epoxy';
const VERSION = 1;

/** Everything prediction needs except the support rows themselves, which `Epoxy.fromJSON` is given again. */
export interface EpoxyJSON {
  readonly format: typeof FORMAT;
  readonly version: number;
  readonly metric: Metric;
  readonly thresholds: readonly (number | 'Infinity' | '-Infinity')[];
  readonly fallback?: number;
  /** Voters that decide a cell, if more than one. */
  readonly voters?: number;
  readonly model: LabelModelJSON;
  readonly transform?: TransformJSON;
  readonly partitions?: PartitionsJSON;
  /** Of extension 'posterior'. */
  readonly posterior?: PosteriorExtensionJSON;
  readonly support: { readonly shape: readonly [number, number]; readonly dims: number; readonly votesSha256: string };
}

const sha256 = (votes: VoteMatrix) => createHash('sha256').update(votes.data).digest('hex');

/** @internal */
export function stateToJSON({
  support,
  thresholds,
  model,
  fallback,
  voters,
  transform,
  local,
  posterior,
}: EpoxyState): EpoxyJSON {
  return {
    format: FORMAT,
    version: VERSION,
    metric: support.embeddings.metric,
    thresholds: Array.from(thresholds, (t) => (Number.isFinite(t) ? t : t > 0 ? 'Infinity' : '-Infinity')),
    ...(fallback !== undefined && { fallback }),
    ...(voters > 1 && { voters }),
    model: model.toJSON(),
    ...(transform && { transform: transform.toJSON() }),
    ...(local && { partitions: local.toJSON() }),
    ...(posterior && { posterior: posteriorToJSON(posterior) }),
    support: {
      shape: support.votes.shape,
      dims: support.embeddings.shape[1],
      votesSha256: sha256(support.votes),
    },
  };
}

/** @internal As `Epoxy.fromJSON`. */
export function stateFromJSON(json: EpoxyJSON, support: VotedRows): EpoxyState {
  if (json?.format !== FORMAT) throw typeError(`an object of format '${FORMAT}'`, 'json', json);
  if (json.version !== VERSION) throw rangeError(`version ${VERSION}`, 'json.version', String(json.version));
  const model = LabelModel.fromJSON(json.model);
  const metric = checkMetric(json.metric);
  const votes = shapedVotes(checkOptions(support, 'support').votes, 'support.votes');
  if (sha256(votes) !== json.support?.votesSha256) {
    throw rangeError('the votes it was fitted on', 'support.votes', 'others (their SHA-256 differs)');
  }
  const transform = json.transform && EmbeddingTransform.fromJSON(json.transform);
  const given = transform ? transform.apply(support.embeddings, 'support.embeddings') : support.embeddings;
  const ownsEmbeddings = !(given instanceof EmbeddingSet);
  const embeddings = given instanceof EmbeddingSet ? given : new EmbeddingSet(given, { metric });
  if (embeddings.shape[0] !== votes.shape[0] || embeddings.shape[1] !== json.support.dims) {
    const shape = `[${votes.shape[0]}, ${json.support.dims}]`;
    throw rangeError(`shape ${shape}`, 'support.embeddings', `[${embeddings.shape.join(', ')}]`);
  }
  const local = json.partitions && PartitionedModel.fromJSON(json.partitions, embeddings.shape[1], metric);
  const posterior = json.posterior && posteriorFromJSON(json.posterior, embeddings, model);
  if (!Array.isArray(json.thresholds)) throw typeError('an array of numbers', 'json.thresholds', json.thresholds);
  const thresholds = checkThresholds(json.thresholds.map(Number), model.lfs, 'json.thresholds');
  return {
    support: { votes, embeddings },
    ownsEmbeddings,
    thresholds,
    model,
    fallback: json.fallback,
    voters: checkInteger(json.voters ?? 1, 'json.voters', 1),
    transform,
    local,
    posterior: posterior && { ...posterior, local },
  };
}

/** What JSON keeps of the smoothing. Numbers of every row are base64 of little-endian float64, embeddings of float32. */
export interface PosteriorExtensionJSON {
  readonly k: number;
  readonly ownWeight: number;
  readonly state: string;
  readonly weight: string;
  readonly mean: readonly number[];
  /** An end model beside the neighbours, and its share. */
  readonly endModel?: {
    readonly weight: number;
    readonly model: EndModelJSON;
    readonly prior?: readonly number[] | undefined;
  };
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

function posteriorToJSON({ smoother, gold }: PosteriorExtension): PosteriorExtensionJSON {
  const { k, ownWeight, state, weight, mean, endModel } = smoother.state;
  return {
    k,
    ownWeight,
    state: base64(state),
    weight: base64(weight),
    mean: Array.from(mean),
    ...(endModel && { endModel: { ...endModel, model: endModel.model.toJSON() } }),
    ...(gold && {
      gold: { shape: gold.embeddings.shape, embeddings: base64(gold.matrix?.data ?? heldRows(gold.embeddings)) },
    }),
  };
}

const heldRows = (set: EmbeddingSet) => set.gather(Int32Array.from({ length: set.shape[0] }, (_, row) => row));

function endModelFromJSON(
  json: NonNullable<PosteriorExtensionJSON['endModel']>,
  classes: number,
  dims: number,
): MixedEndModel {
  const model = EndModel.fromJSON(json.model);
  if (model.classes !== classes || model.dims !== dims)
    throw rangeError(
      `${classes} classes and ${dims} dimensions`,
      'json.posterior.endModel',
      `${model.classes} and ${model.dims}`,
    );
  const { prior } = json;
  const weight = checkShare(json.weight, 'json.posterior.endModel.weight');
  if (prior !== undefined && !(Array.isArray(prior) && prior.length === classes && prior.every((p) => p > 0)))
    throw rangeError(`${classes} numbers > 0`, 'json.posterior.endModel.prior', JSON.stringify(prior));
  return { weight, model, prior };
}

const AT = 'json.posterior';

function checkShare(value: unknown, parameter: string): number {
  if (typeof value !== 'number') throw typeError('a number in [0, 1]', parameter, value);
  if (!(value >= 0 && value <= 1)) throw rangeError('a number in [0, 1]', parameter, String(value));
  return value;
}

/** States, weights and their mean are sums of probabilities. */
function notNegative(values: Float64Array, parameter: string): Float64Array {
  const bad = values.findIndex((value) => !(value >= 0 && value < Number.POSITIVE_INFINITY));
  if (bad >= 0) throw rangeError('a finite number >= 0', `${parameter}[${bad}]`, String(values[bad]));
  return values;
}

function posteriorFromJSON(
  json: PosteriorExtensionJSON,
  embeddings: EmbeddingSet,
  model: LabelModel,
): PosteriorExtension {
  const classes = model.classBalance.length;
  let gold: GoldSet | undefined;
  let rows = embeddings.shape[0];
  if (json.gold) {
    const [goldRows, dims] = checkShape(json.gold.shape, 'json.posterior.gold.shape');
    const data = new Float32Array(bytes(json.gold.embeddings, 4 * goldRows * dims, 'json.posterior.gold.embeddings'));
    const matrix = { data, shape: [goldRows, dims] as const };
    gold = { matrix, owned: true, embeddings: new EmbeddingSet(matrix, { metric: embeddings.metric }) };
    rows += goldRows;
  }
  const mean = numbers(json.mean, 'json.posterior.mean');
  if (mean.length !== classes) throw rangeError(`${classes} numbers`, 'json.posterior.mean', String(mean.length));
  const state = {
    k: checkInteger(json.k, 'json.posterior.k', 1),
    ownWeight: checkShare(json.ownWeight, 'json.posterior.ownWeight'),
    state: notNegative(new Float64Array(bytes(json.state, 8 * rows * classes, `${AT}.state`)), `${AT}.state`),
    weight: notNegative(new Float64Array(bytes(json.weight, 8 * rows, `${AT}.weight`)), `${AT}.weight`),
    mean: notNegative(mean, `${AT}.mean`),
    classBalance: model.classBalance,
    endModel: json.endModel && endModelFromJSON(json.endModel, classes, embeddings.shape[1]),
  };
  return { smoother: new KnnPosterior(state, gold ? [embeddings, gold.embeddings] : [embeddings]), gold };
}
