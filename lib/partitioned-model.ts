// Accuracies that differ from place to place (Liger, Chen et al., arXiv 2203.13270): a label model for every partition of
// the embedding space, shrunk towards the one for all rows.
import { checkInteger, rangeError, typeError } from './check.js';
import { classColumns } from './columns.js';
import { EmbeddingSet, type Embeddings } from './embedding-set.js';
import { runJob } from './job.js';
import { LabelModel, type LabelModelJSON, type LabelModelOptions } from './label-model.js';
import { addon, type Control } from './native.js';
import { type MaybeSoftVotes, softProba, softProbaAsync } from './soft-posterior.js';
import type { AsyncOptions, CallOptions, Metric, VoteMatrix } from './types.js';

/** A partition of n rows counts n / (n + this) against the model of all rows. */
const SHRINKAGE = 1000;

/** Label models by partition; base64 of little-endian float64. */
export interface PartitionsJSON {
  readonly centres: string;
  readonly models: readonly LabelModelJSON[];
}

/** @internal */
export class PartitionedModel {
  readonly #centres: Float64Array;
  readonly #models: readonly LabelModel[];
  readonly #metric: Metric;

  constructor(centres: Float64Array, models: readonly LabelModel[], metric: Metric) {
    this.#centres = centres;
    this.#models = models;
    this.#metric = metric;
  }

  get count(): number {
    return this.#models.length;
  }

  /**
   * @param model the one for all rows, fitted with `fitting`.
   * @param count at most as many as rows.
   */
  static async fit(
    votes: VoteMatrix,
    embeddings: EmbeddingSet,
    model: LabelModel,
    count: number,
    fitting: LabelModelOptions,
    options: CallOptions & AsyncOptions,
  ): Promise<PartitionedModel> {
    const { signal, threads } = options;
    const { metric } = embeddings;
    const centres = new Float64Array(count * embeddings.shape[1]);
    const operand = EmbeddingSet.operand(embeddings, 'embeddings', metric);
    await runJob({ signal }, (control) => addon.fitPartitions(...operand, count, centres, threads ?? 0, control));
    const frame = new PartitionedModel(centres, new Array<LabelModel>(count).fill(model), metric);
    const places = await frame.#placesAsync(embeddings, options);
    const all = classColumns(await model.predictProbaAsync(votes, { threads, signal }), model.classes);
    const models: LabelModel[] = [];
    for (const rows of places) {
      const mine = pickVotes({ votes }, rows).votes;
      const local = await LabelModel.fitAsync(mine, {
        ...fitting,
        method: model.method as LabelModelOptions['method'],
        classBalance: localBalance(all, rows, model.classBalance),
        signal,
      });
      models.push(blend(model, local, rows.length / (rows.length + SHRINKAGE)));
    }
    return new PartitionedModel(centres, models, metric);
  }

  /** Rows of each partition. */
  #prepare(embeddings: Embeddings, threads: number | undefined) {
    const operand = EmbeddingSet.operand(embeddings, 'embeddings', this.#metric);
    const found = new Int32Array(operand[1]);
    const run = (control: Control) =>
      addon.assignPartitions(...operand, this.#centres, this.count, found, threads ?? 0, control);
    const finish = () => {
      const places: number[][] = this.#models.map(() => []);
      found.forEach((partition, row) => {
        places[partition]!.push(row);
      });
      return places;
    };
    return { run, finish };
  }

  async #placesAsync(held: Embeddings, { threads, signal }: CallOptions & AsyncOptions): Promise<number[][]> {
    const { run, finish } = this.#prepare(held, threads);
    await runJob({ signal }, run);
    return finish();
  }

  /** P(Y | votes) under the model of each row's partition, shaped as `LabelModel.predictProba`. */
  proba(given: MaybeSoftVotes, embeddings: Embeddings, options: CallOptions = {}): Float64Array {
    const { metric, threads } = { metric: this.#metric, ...options };
    const held = embeddings instanceof EmbeddingSet ? embeddings : new EmbeddingSet(embeddings, { metric, threads });
    const { run, finish } = this.#prepare(held, threads);
    run(undefined);
    if (held !== embeddings) held.close();
    return this.#scatter(
      given,
      finish().map((rows, p) => ({ rows, proba: softProba(this.#models[p]!, pickVotes(given, rows), { threads }) })),
    );
  }

  /** {@link proba} as a job. */
  async probaAsync(
    given: MaybeSoftVotes,
    embeddings: Embeddings,
    { threads, signal }: CallOptions & AsyncOptions = {},
  ): Promise<Float64Array> {
    const metric = this.#metric;
    const options = { threads, signal };
    const held =
      embeddings instanceof EmbeddingSet ? embeddings : await EmbeddingSet.create(embeddings, { metric, ...options });
    const places = await this.#placesAsync(held, options);
    if (held !== embeddings) held.close();
    const parts: Part[] = [];
    for (const [p, rows] of places.entries()) {
      parts.push({ rows, proba: await softProbaAsync(this.#models[p]!, pickVotes(given, rows), options) });
    }
    return this.#scatter(given, parts);
  }

  #scatter({ votes }: MaybeSoftVotes, parts: readonly Part[]): Float64Array {
    const columns = this.#models[0]!.classes || 1;
    const out = new Float64Array(votes.shape[0] * columns);
    for (const { rows, proba } of parts) {
      rows.forEach((row, at) => {
        out.set(proba.subarray(at * columns, (at + 1) * columns), row * columns);
      });
    }
    return out;
  }

  toJSON(): PartitionsJSON {
    const { buffer, byteOffset, byteLength } = this.#centres;
    const centres = Buffer.from(buffer, byteOffset, byteLength).toString('base64');
    return { centres, models: this.#models.map((model) => model.toJSON()) };
  }

  static fromJSON(json: PartitionsJSON, dims: number, metric: Metric): PartitionedModel {
    if (typeof json?.centres !== 'string' || !Array.isArray(json.models))
      throw typeError('{ centres, models }', 'json.partitions', json);
    const count = checkInteger(json.models.length, 'json.partitions.models.length', 1);
    const bytes = Buffer.from(json.centres, 'base64');
    if (bytes.length !== 8 * count * dims)
      throw rangeError(`${8 * count * dims} bytes`, 'json.partitions.centres', String(bytes.length));
    const centres = new Float64Array(count * dims);
    Buffer.from(centres.buffer).set(bytes);
    return new PartitionedModel(
      centres,
      json.models.map((model: LabelModelJSON) => LabelModel.fromJSON(model)),
      metric,
    );
  }
}

interface Part {
  readonly rows: readonly number[];
  readonly proba: Float64Array;
}

/** Half the class balance, half what the model of all rows says of these. */
function localBalance(all: Float64Array, rows: readonly number[], balance: readonly number[]): number[] {
  const size = balance.length;
  return balance.map((p, y) => {
    const mean = rows.reduce((sum, row) => sum + all[row * size + y]!, 0) / Math.max(1, rows.length);
    return rows.length === 0 ? p : (p + mean) / 2;
  });
}

/** Weights (logarithms) between two models; outcomes that the local one has never seen keep the weights of all rows. */
function blend(all: LabelModel, local: LabelModel, share: number): LabelModel {
  const [a, b] = [all.toJSON(), local.toJSON()];
  const size = a.classBalance.length;
  const seen = (at: number) => b.weights.slice(at - (at % size), at - (at % size) + size).some((w) => w !== 0);
  const weights = a.weights.map((w, at) => (seen(at) ? (1 - share) * w + share * b.weights[at]! : w));
  return LabelModel.fromJSON({ ...a, weights });
}

/** @internal Some rows of votes, in this order. */
export function pickVotes({ votes, shares }: MaybeSoftVotes, rows: readonly number[]): MaybeSoftVotes {
  const lfs = votes.shape[1];
  const data = new Int8Array(rows.length * lfs);
  const columns = shares ? shares.length / Math.max(1, votes.shape[0]) : 0;
  const picked = shares && new Float32Array(rows.length * columns);
  rows.forEach((row, at) => {
    data.set(votes.data.subarray(row * lfs, (row + 1) * lfs), at * lfs);
    picked?.set(shares!.subarray(row * columns, (row + 1) * columns), at * columns);
  });
  return { votes: { ...votes, data, shape: [rows.length, lfs] }, ...(picked && { shares: picked }) };
}
