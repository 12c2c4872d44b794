import {
  checkFloatMatrix,
  checkMetric,
  checkOptions,
  checkThreads,
  closedError,
  rangeError,
  typeError,
} from './check.js';
import { checkCuda } from './device.js';
import { atOnce, createAsync, type Schedule } from './job.js';
import { addon, type NativeHandle, type NativeOperand } from './native.js';
import type { AsyncOptions, FloatMatrix, Metric, SearchOptions } from './types.js';

/** Options of {@link EmbeddingSet}. */
export interface EmbeddingSetOptions extends SearchOptions {
  /** How rows will be compared; cosine normalises them. Default 'cosine'. */
  readonly metric?: Metric | undefined;
}

/** A matrix of embeddings, or a set made of one. */
export type Embeddings = FloatMatrix | EmbeddingSet;

/**
 * Embeddings made ready once for any number of calls: checked, copied, normalised (cosine) and packed for the fastest
 * unit of this processor. Goes wherever a {@link FloatMatrix} goes; later changes of the caller's array do not reach it.
 */
export class EmbeddingSet {
  /** [rows, dimensions] */
  readonly shape: readonly [rows: number, cols: number];
  readonly metric: Metric;
  /** Where calls with this set run unless they say otherwise; on 'cuda' the rows are resident there. */
  readonly device: 'cpu' | 'cuda';
  readonly #handle: NativeHandle<'EmbeddingSet'>;
  #closed = false;

  /**
   * @param embeddings n x d, finite. Read in place during the call.
   * @throws RangeError naming row and column of the first NaN or Inf; TypeError or RangeError for wrong types and shapes; Error for
   *   device 'cuda' without one.
   *   A zero row is allowed: under cosine it has no direction, scores 0 in matrices and top-k and takes no part in extension.
   */
  constructor(embeddings: FloatMatrix, options: EmbeddingSetOptions = {}, schedule: Schedule = atOnce) {
    if (embeddings instanceof EmbeddingSet) throw typeError('a matrix', 'embeddings', embeddings);
    const { data, rows, cols } = checkFloatMatrix(embeddings, 'embeddings');
    const metric = checkMetric(checkOptions(options).metric ?? 'cosine');
    const threads = checkThreads(options.threads);
    this.shape = [rows, cols];
    this.metric = metric;
    const cuda = checkCuda(options.device);
    this.device = cuda ? 'cuda' : 'cpu';
    const handle = addon.newEmbeddingSet();
    this.#handle = handle;
    schedule((control, copy) =>
      addon.fillEmbeddingSet(handle, copy ? data.slice() : data, rows, cols, metric, threads, cuda, control),
    );
  }

  /** The constructor as a job: the event loop stays free, the same bits. */
  static async create(
    embeddings: FloatMatrix,
    options: EmbeddingSetOptions & AsyncOptions = {},
  ): Promise<EmbeddingSet> {
    return createAsync(options, (schedule) => new EmbeddingSet(embeddings, options, schedule));
  }

  /** Native memory held, in bytes. @throws TypeError when closed. */
  get bytes(): number {
    return addon.embeddingSetBytes(this.#handle);
  }

  /** Frees the native memory now. A job that is using the set finishes first; later calls throw a TypeError. */
  close(): void {
    this.#closed = true;
    addon.closeEmbeddingSet(this.#handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal The set, or a plain matrix, as the native side takes it. */
  static operand(value: Embeddings, parameter: string, metric: Metric, copy = false): NativeOperand {
    if (value instanceof EmbeddingSet) {
      if (value.metric !== metric) {
        throw rangeError(`an EmbeddingSet with metric '${metric}'`, parameter, `one with metric '${value.metric}'`);
      }
      if (value.#closed) throw closedError('an open EmbeddingSet', parameter);
      return [value.#handle, ...value.shape];
    }
    const { data, rows, cols } = checkFloatMatrix(value, parameter);
    return [copy ? data.slice() : data, rows, cols];
  }

  /** @internal Some rows as the set holds them (normalised under cosine), rows.length x d. */
  gather(rows: Int32Array): Float32Array {
    const out = new Float32Array(rows.length * this.shape[1]);
    addon.gatherRows(...EmbeddingSet.operand(this, 'embeddings', this.metric), rows, out);
    return out;
  }

  /** @internal Two operands of one call must have the same number of dimensions. */
  static checkSameDims(a: NativeOperand, b: NativeOperand, nameA: string, nameB: string): void {
    if (a[2] !== b[2]) throw rangeError(`${a[2]} columns (as in ${nameA})`, nameB, String(b[2]));
  }
}
