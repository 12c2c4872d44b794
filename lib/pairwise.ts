import { checkMetric, checkOptions, checkOut, checkThreads } from './check.js';
import { checkCuda } from './device.js';
import { EmbeddingSet, type Embeddings } from './embedding-set.js';
import { runJob } from './job.js';
import { addon, type Control } from './native.js';
import type { AsyncOptions, FloatMatrix, FloatResult, Metric, SearchOptions } from './types.js';

interface PairwiseOptions<M extends Metric> extends SearchOptions {
  /** Default 'cosine'. */
  readonly metric?: M | undefined;
  /** Where to write: a Float32Array of rows(a) x rows(b), or a matrix of that size; must not overlap an input. */
  readonly out?: Float32Array | FloatMatrix | undefined;
  /** Every value the canonical float64 score, rounded once: the same bits on every machine, some times slower. */
  readonly precise?: boolean | undefined;
}

/** Options of {@link pairwiseDistances}. */
export type PairwiseDistancesOptions = PairwiseOptions<'cosine' | 'l2'>;
/** Options of {@link pairwiseSimilarities}. */
export type PairwiseSimilaritiesOptions = PairwiseOptions<'cosine' | 'dot'>;

function prepare(
  a: Embeddings,
  b: Embeddings,
  output: 'similarity' | 'distance',
  options: PairwiseOptions<Metric>,
  copy = false,
) {
  const metric = checkMetric(options.metric ?? 'cosine', output === 'distance' ? ['cosine', 'l2'] : ['cosine', 'dot']);
  const threads = checkThreads(options.threads);
  const operandA = EmbeddingSet.operand(a, 'a', metric, copy);
  const operandB = b === a ? operandA : EmbeddingSet.operand(b, 'b', metric, copy);
  EmbeddingSet.checkSameDims(operandA, operandB, 'a', 'b');
  const shape = [operandA[1], operandB[1]] as const;
  const inputs = [operandA[0], operandB[0]].filter((view) => ArrayBuffer.isView(view));
  const length = shape[0] * shape[1];
  const data = options.out === undefined ? new Float32Array(length) : checkOut(options.out, length, inputs);
  const cuda = checkCuda(options.device, a, b);
  const run = (control: Control) =>
    addon.pairwise(...operandA, ...operandB, metric, output, options.precise === true, data, threads, cuda, control);
  return { result: { data, shape } satisfies FloatResult, run };
}

/**
 * All distances between the rows of two matrices.
 *
 * Values have float32's accuracy (|error| of a similarity <= (d + 8) 2^-24 |a||b|), the same bits for any thread count
 * on one instruction set; l2 distances that cancellation would spoil are computed exactly, so equal rows are exactly 0
 * apart. Choose `precise` for the canonical value everywhere. The same matrix (or set) given twice takes about half the
 * time. Scratch: 256 rows a thread; with AMX 3 bytes a value for up to 4,096 rows of either side.
 *
 * @param a n x d, read in place. @param b p x d, read in place.
 * @param options metric 'cosine' (1 - similarity, 0..2; default) or 'l2' (true Euclidean distance, >= 0).
 * @returns n x p, in `out` when given.
 * @throws TypeError or RangeError: wrong types or shapes, NaN or Inf (row and column named), `out` that overlaps an input.
 */
export function pairwiseDistances(a: Embeddings, b: Embeddings, options: PairwiseDistancesOptions = {}): FloatResult {
  const { result, run } = prepare(a, b, 'distance', checkOptions(options));
  run(undefined);
  return result;
}

/** {@link pairwiseDistances} as a job. Do not write, transfer or resize the arrays until it settles (or pass `copy`). */
export async function pairwiseDistancesAsync(
  a: Embeddings,
  b: Embeddings,
  options: PairwiseDistancesOptions & AsyncOptions = {},
): Promise<FloatResult> {
  const { result, run } = prepare(a, b, 'distance', checkOptions(options), options.copy);
  await runJob(options, run);
  return result;
}

/**
 * All similarities between the rows of two matrices: metric 'cosine' (-1..1; default; 0 for a zero row) or 'dot'.
 * Accuracy, shapes and errors as for {@link pairwiseDistances}.
 */
export function pairwiseSimilarities(
  a: Embeddings,
  b: Embeddings,
  options: PairwiseSimilaritiesOptions = {},
): FloatResult {
  const { result, run } = prepare(a, b, 'similarity', checkOptions(options));
  run(undefined);
  return result;
}

/** {@link pairwiseSimilarities} as a job. Do not write, transfer or resize the arrays until it settles (or pass `copy`). */
export async function pairwiseSimilaritiesAsync(
  a: Embeddings,
  b: Embeddings,
  options: PairwiseSimilaritiesOptions & AsyncOptions = {},
): Promise<FloatResult> {
  const { result, run } = prepare(a, b, 'similarity', checkOptions(options), options.copy);
  await runJob(options, run);
  return result;
}
