import { checkInteger, checkMetric, checkOptions, checkThreads, rangeError } from './check.js';
import { checkCuda } from './device.js';
import { EmbeddingSet, type Embeddings } from './embedding-set.js';
import { runJob } from './job.js';
import { addon, type Control } from './native.js';
import type { AsyncOptions, Metric, SearchOptions } from './types.js';

/** The most neighbours per query that a CUDA device ranks. */
const MAX_CUDA_K = 1024;

/** Options of {@link topK}. */
export interface TopKOptions extends SearchOptions {
  /** Neighbours per query, >= 1; more than there are support rows gives all of them. */
  readonly k: number;
  /** Default 'cosine'. */
  readonly metric?: Metric | undefined;
}

/** The nearest support rows of every query, row-major. */
export interface TopKResult {
  /** Support rows, queries x k, nearest first. */
  readonly indices: Int32Array;
  /** Their similarity (cosine, dot; descending) or true distance (l2; ascending). */
  readonly scores: Float32Array;
  readonly shape: readonly [queries: number, k: number];
}

function prepare(queries: Embeddings, support: Embeddings, options: TopKOptions, copy = false) {
  const metric = checkMetric(options.metric ?? 'cosine');
  const threads = checkThreads(options.threads);
  const wanted = checkInteger(options.k, 'k', 1);
  const q = EmbeddingSet.operand(queries, 'queries', metric, copy);
  const s = support === queries ? q : EmbeddingSet.operand(support, 'support', metric, copy);
  EmbeddingSet.checkSameDims(q, s, 'queries', 'support');
  if (s[1] === 0) throw rangeError('at least one row', 'support', '0');
  const k = Math.min(wanted, s[1]);
  const indices = new Int32Array(q[1] * k);
  const scores = new Float32Array(q[1] * k);
  // 'auto' knows the device's limit.
  const device = options.device === 'auto' && k > MAX_CUDA_K ? 'cpu' : options.device;
  const cuda = checkCuda(device, queries, support);
  const run = (control: Control) => addon.topK(...q, ...s, metric, k, indices, scores, threads, cuda, control);
  return { result: { indices, scores, shape: [q[1], k] } satisfies TopKResult, run };
}

/**
 * The k nearest support rows of every query, exact: ranked by the canonical float64 score, ties by the lower index.
 *
 * @param queries n x d, read in place. @param support p x d, p >= 1; may be the same object (a row then finds itself first,
 *   or an equal row of lower index). The same object serves both sides of a score with half the products, and 2048 rows or
 *   more of it take 16 k + 512 bytes of scratch each (2 GiB at most; else it is searched like any other).
 * @returns n x min(k, p).
 * @throws TypeError or RangeError: wrong types, shapes or k (on a CUDA device at most 1024); NaN or Inf (row and column
 *   named). Error for device 'cuda' without one.
 */
export function topK(queries: Embeddings, support: Embeddings, options: TopKOptions): TopKResult {
  const { result, run } = prepare(queries, support, checkOptions(options));
  run(undefined);
  return result;
}

/** {@link topK} as a job. Do not write, transfer or resize the arrays until it settles (or pass `copy`). */
export async function topKAsync(
  queries: Embeddings,
  support: Embeddings,
  options: TopKOptions & AsyncOptions,
): Promise<TopKResult> {
  const { result, run } = prepare(queries, support, checkOptions(options), options.copy);
  await runJob(options, run);
  return result;
}
