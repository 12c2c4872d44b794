// Linear transforms of embeddings, fitted without labels.
import { checkFloatMatrix, checkInteger, checkOneOf, checkThreads, rangeError, typeError } from './check.js';
import { EmbeddingSet, type Embeddings } from './embedding-set.js';
import { runJob } from './job.js';
import { addon, type Control } from './native.js';
import type { AsyncOptions, CallOptions, FloatMatrix, FloatResult, Metric } from './types.js';

const KINDS = ['centre', 'whiten', 'all-but-the-top'] as const;
/**
 * What is done to embeddings before anything else.
 * - 'none': as they are.
 * - 'centre': the mean is subtracted.
 * - 'whiten': the leading principal directions, each with variance 1 (BERT-whitening, arXiv 2103.15316); `directions` are
 *   kept, default 256, fewer if there are fewer.
 * - 'all-but-the-top': centred, without the leading principal directions (arXiv 1702.01417); `directions` are removed,
 *   default d / 100, rounded up.
 */
export type TransformName = 'none' | (typeof KINDS)[number];
/** A transform by its name, with its own number of directions, or 'auto'. */
export type TransformOptions =
  | TransformName
  | 'auto'
  | { readonly kind: TransformName; readonly directions?: number | undefined };

/** `mean` and `projection` (shape[0] x shape[1], or empty: none) are base64 of little-endian float64. */
export interface TransformJSON {
  readonly kind: Exclude<TransformName, 'none'>;
  readonly unit: boolean;
  readonly shape: readonly [outDims: number, dims: number];
  readonly mean: string;
  readonly projection: string;
}

interface State {
  readonly kind: Exclude<TransformName, 'none'>;
  /** Rows are divided by their norm first. */
  readonly unit: boolean;
  readonly dims: number;
  readonly outDims: number;
  readonly mean: Float64Array;
  readonly projection: Float64Array;
}

/** @internal A fitted transform: the same for the rows it was fitted on and for new ones. */
export class EmbeddingTransform {
  readonly #state: State;

  constructor(state: State) {
    this.#state = state;
  }

  get kind(): Exclude<TransformName, 'none'> {
    return this.#state.kind;
  }

  /** Dimensions of the rows it gives. */
  get outDims(): number {
    return this.#state.outDims;
  }

  /**
   * @param embeddings n x d, finite (as `EmbeddingSet` checks them); not an EmbeddingSet, which keeps no original rows.
   * @param metric under cosine every row is divided by its norm first.
   * @returns undefined for 'none'.
   * @throws RangeError: rows that all are equal leave nothing to whiten.
   */
  static async fit(
    embeddings: Embeddings,
    options: Exclude<TransformOptions, 'auto'>,
    metric: Metric,
    { threads, signal, onProgress }: CallOptions & AsyncOptions,
  ): Promise<EmbeddingTransform | undefined> {
    const given = typeof options === 'object' && options !== null ? options : { kind: options };
    const kind = checkOneOf(given.kind, ['none', ...KINDS] as const, 'transform');
    if (kind === 'none') return undefined;
    const { data, rows, cols } = checkMatrix(embeddings, 'embeddings');
    // Packing names the first NaN or Inf, which the transform would spread over all rows.
    (await EmbeddingSet.create({ data, shape: [rows, cols] }, { metric, threads, signal })).close();
    const whiten = kind === 'whiten';
    const usual = whiten ? Math.min(256, cols) : Math.ceil(cols / 100);
    const directions =
      given.directions === undefined
        ? usual
        : checkInteger(given.directions, 'transform.directions', 1, whiten ? cols : cols - 1);
    if (kind === 'all-but-the-top' && cols < 2) throw rangeError('at least two columns', 'embeddings', String(cols));
    const kept = kind === 'centre' ? 0 : whiten ? directions : cols - directions;
    const unit = metric === 'cosine';
    const mean = new Float64Array(cols);
    const projection = new Float64Array(kept * cols);
    const outDims = new Int32Array(1);
    const job = { signal, ...(onProgress && { onProgress }) };
    await runJob(job, (control) =>
      addon.fitTransform(
        data,
        rows,
        cols,
        KINDS.indexOf(kind),
        directions,
        unit,
        mean,
        projection,
        outDims,
        checkThreads(threads),
        control,
      ),
    );
    const width = outDims[0]!;
    if (width === 0)
      throw rangeError('rows that differ', "embeddings under transform 'whiten'", 'rows that are all alike');
    const used = kind === 'centre' ? projection : projection.slice(0, width * cols);
    return new EmbeddingTransform({ kind, unit, dims: cols, outDims: width, mean, projection: used });
  }

  #prepare(embeddings: Embeddings, parameter: string, threads: number | undefined) {
    const { data, rows, cols } = checkMatrix(embeddings, parameter);
    const { dims, outDims, unit, mean, projection } = this.#state;
    if (cols !== dims) throw rangeError(`${dims} columns (as fitted)`, parameter, String(cols));
    const out = new Float32Array(rows * outDims);
    const run = (control: Control) =>
      addon.applyTransform(data, rows, cols, unit, mean, projection, outDims, out, checkThreads(threads), control);
    return { result: { data: out, shape: [rows, outDims] } satisfies FloatResult, run };
  }

  apply(embeddings: Embeddings, parameter: string, { threads }: CallOptions = {}): FloatResult {
    const { result, run } = this.#prepare(embeddings, parameter, threads);
    run(undefined);
    return result;
  }

  /** {@link apply} as a job. */
  async applyAsync(
    embeddings: Embeddings,
    parameter: string,
    { threads, signal }: CallOptions & AsyncOptions = {},
  ): Promise<FloatResult> {
    const { result, run } = this.#prepare(embeddings, parameter, threads);
    await runJob({ signal }, run);
    return result;
  }

  toJSON(): TransformJSON {
    const { kind, unit, dims, outDims, mean, projection } = this.#state;
    return { kind, unit, shape: [outDims, dims], mean: encode(mean), projection: encode(projection) };
  }

  static fromJSON(json: TransformJSON): EmbeddingTransform {
    const kind = checkOneOf(json.kind, KINDS, 'json.transform.kind');
    const dims = checkInteger(json.shape?.[1], 'json.transform.shape[1]', 1);
    const outDims = checkInteger(json.shape[0], 'json.transform.shape[0]', 1, dims);
    const mean = decode(json.mean, dims, 'json.transform.mean');
    const projection = decode(json.projection, kind === 'centre' ? 0 : outDims * dims, 'json.transform.projection');
    return new EmbeddingTransform({ kind, unit: json.unit === true, dims, outDims, mean, projection });
  }
}

function checkMatrix(embeddings: Embeddings, parameter: string) {
  if (embeddings instanceof EmbeddingSet) throw typeError('a matrix (because of `transform`)', parameter, embeddings);
  return checkFloatMatrix(embeddings as FloatMatrix, parameter);
}

const encode = (values: Float64Array) =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');

function decode(text: unknown, length: number, parameter: string): Float64Array {
  if (typeof text !== 'string') throw typeError('base64', parameter, text);
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== 8 * length) throw rangeError(`${8 * length} bytes`, parameter, String(bytes.length));
  const values = new Float64Array(length);
  Buffer.from(values.buffer).set(bytes);
  return values;
}
