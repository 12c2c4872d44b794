import { checkInteger, checkThreads, checkTypedArray, rangeError, typeError } from './check.js';
import { EmbeddingSet, type Embeddings } from './embedding-set.js';
import { runJob } from './job.js';
import { addon, type Control, type NativeOperand } from './native.js';
import type { AsyncOptions, CallOptions } from './types.js';

/** What {@link fitEndModel} takes. */
export interface EndModelInput extends CallOptions {
  /** n x d. An EmbeddingSet counts as the rows it holds (normalised under cosine): give prediction the same kind. */
  readonly embeddings: Embeddings;
  /** P(Y = +1) per row, or with `classes: K` one distribution a row, n x K: what `predictProba` gives. In [0, 1]. */
  readonly proba: Float64Array;
  /** Number of classes K of a task with classes 1..K. Absent: binary, labels -1/+1. */
  readonly classes?: number | undefined;
  /** How much each row counts, >= 0; 0 leaves a row out (one without evidence, say). Default 1. */
  readonly weights?: ArrayLike<number> | undefined;
  /** Strength of the penalty l2/2 |W|^2 on the mean loss; > 0. Default 1/n. */
  readonly l2?: number | undefined;
  /** Optimiser steps at most. Default 200. */
  readonly maxIterations?: number | undefined;
}

const FORMAT = 'nearvote.end-model';
const VERSION = 1;

/** The numbers of an {@link EndModel}, for storage. */
export interface EndModelJSON {
  readonly format: typeof FORMAT;
  readonly version: number;
  /** 0: binary; else K. */
  readonly classes: number;
  readonly dims: number;
  /** Logits x (d + 1): coefficients, then the intercept. One logit for a binary task. */
  readonly weights: readonly number[];
}

function positive(value: unknown, parameter: string): number {
  if (typeof value !== 'number') throw typeError('a number > 0', parameter, value);
  if (!(value > 0 && value < Number.POSITIVE_INFINITY)) throw rangeError('a number > 0', parameter, String(value));
  return value;
}

/** @internal Any embeddings as the native side takes them; sets of every metric will do. */
function operandOf(embeddings: Embeddings, copy: boolean): NativeOperand {
  const metric = embeddings instanceof EmbeddingSet ? embeddings.metric : 'dot';
  return EmbeddingSet.operand(embeddings, 'embeddings', metric, copy);
}

function checkDistributions(proba: Float64Array, classes: number): void {
  for (let at = 0; at < proba.length; at++) {
    const p = proba[at] as number;
    if (!(p >= 0 && p <= 1)) throw rangeError('a probability in [0, 1]', `proba[${at}]`, String(p));
  }
  for (let row = 0; classes > 2 && row < proba.length / classes; row++) {
    const sum = proba.subarray(row * classes, (row + 1) * classes).reduce((total, p) => total + p, 0);
    if (Math.abs(sum - 1) > 1e-6)
      throw rangeError('probabilities that sum to 1', `proba row ${row}`, `a sum of ${sum}`);
  }
}

function checkWeights(weights: ArrayLike<number>, rows: number): Float64Array {
  if (typeof weights !== 'object' || weights === null || weights.length !== rows) {
    throw typeError(`${rows} numbers, one a row`, 'weights', weights);
  }
  const checked = Float64Array.from(weights);
  const bad = checked.findIndex((weight) => !(weight >= 0 && weight < Number.POSITIVE_INFINITY));
  if (bad >= 0) throw rangeError('a finite number >= 0', `weights[${bad}]`, String(weights[bad]));
  if (!checked.some((weight) => weight > 0)) throw rangeError('a positive weight', 'weights', 'none');
  return checked;
}

function prepare(input: EndModelInput, copy = false) {
  if (typeof input !== 'object' || input === null) throw typeError('an object', 'input', input);
  const operand = operandOf(input.embeddings, copy);
  const [, rows, dims] = operand;
  const classes = input.classes === undefined ? 0 : checkInteger(input.classes, 'classes', 2, 127);
  const size = classes || 2;
  const given = checkTypedArray(input.proba, Float64Array, 'proba');
  if (rows === 0) throw rangeError('at least one row', 'embeddings', '0');
  const wanted = classes === 0 ? rows : rows * classes;
  if (given.length !== wanted) throw rangeError(`${wanted} elements`, 'proba', String(given.length));
  checkDistributions(given, classes);
  // Two classes have one logit: P of the second.
  const proba = classes === 2 ? given.filter((_, at) => at % 2 === 1) : copy ? given.slice() : given;
  const rowWeights = input.weights === undefined ? undefined : checkWeights(input.weights, rows);
  const l2 = input.l2 === undefined ? 1 / rows : positive(input.l2, 'l2');
  const maxIterations = checkInteger(input.maxIterations ?? 200, 'maxIterations', 1);
  const threads = checkThreads(input.threads);
  const weights = new Float64Array((size === 2 ? 1 : size) * (dims + 1));
  const summary = new Float64Array(3);
  const run = (control: Control) =>
    addon.fitEndModel(...operand, proba, size, rowWeights, l2, maxIterations, weights, summary, threads, control);
  const finish = () =>
    new EndModel(classes, dims, weights, {
      iterations: summary[0] as number,
      loss: summary[1] as number,
      converged: summary[2] === 1,
    });
  return { run, finish };
}

/** How a fit went. */
export interface EndModelReport {
  readonly iterations: number;
  /** Mean expected log loss plus the penalty, at the end. */
  readonly loss: number;
  readonly converged: boolean;
}

/**
 * Trains the model that labels rows from their embedding alone, on probabilistic labels: logistic regression with the
 * noise-aware loss (the expected log loss under each row's distribution; Ratner et al., arXiv 1605.07723), by L-BFGS. The
 * same bits for any thread count.
 *
 * @throws TypeError or RangeError: wrong types and shapes, probabilities outside [0, 1], NaN or Inf in an embedding (row and
 *   column named), no row at all.
 */
export function fitEndModel(input: EndModelInput): EndModel {
  const { run, finish } = prepare(input);
  run(undefined);
  return finish();
}

/** {@link fitEndModel} as a job. Do not write, transfer or resize the arrays until it settles (or pass `copy`). */
export async function fitEndModelAsync(input: EndModelInput, options: AsyncOptions = {}): Promise<EndModel> {
  const { run, finish } = prepare(input, options.copy);
  await runJob(options, run);
  return finish();
}

/** A logistic regression on embeddings; made by {@link fitEndModel}. */
export class EndModel {
  /** 0: binary, labels -1/+1; else K, labels 1..K. */
  readonly classes: number;
  /** Dimensions of the embeddings. */
  readonly dims: number;
  /** How the fit went; absent after fromJSON. */
  readonly report: EndModelReport | undefined;
  readonly #weights: Float64Array;

  /** @internal */
  constructor(classes: number, dims: number, weights: Float64Array, report?: EndModelReport) {
    this.classes = classes;
    this.dims = dims;
    this.report = report;
    this.#weights = weights;
  }

  #prepare(embeddings: Embeddings, options: CallOptions & AsyncOptions) {
    const operand = operandOf(embeddings, options.copy === true);
    if (operand[2] !== this.dims) throw rangeError(`${this.dims} columns`, 'embeddings', String(operand[2]));
    const size = this.classes || 2;
    const out = new Float64Array(operand[1] * (size === 2 ? 1 : size));
    const threads = checkThreads(options.threads);
    const run = (control: Control) => addon.predictEndModel(...operand, size, this.#weights, out, threads, control);
    const finish = () =>
      this.classes === 2
        ? Float64Array.from({ length: 2 * out.length }, (_, at) => (at % 2 ? out[at >> 1]! : 1 - out[at >> 1]!))
        : out;
    return { run, finish };
  }

  /** P(Y | embedding), shaped as the `proba` it was trained on. */
  predictProba(embeddings: Embeddings, options: CallOptions = {}): Float64Array {
    const { run, finish } = this.#prepare(embeddings, options);
    run(undefined);
    return finish();
  }

  /** {@link predictProba} as a job. */
  async predictProbaAsync(embeddings: Embeddings, options: CallOptions & AsyncOptions = {}): Promise<Float64Array> {
    const { run, finish } = this.#prepare(embeddings, options);
    await runJob(options, run);
    return finish();
  }

  /** The likeliest label of each row: -1/+1, or 1..K; of equal ones the first. */
  predict(embeddings: Embeddings, options: CallOptions = {}): Int8Array {
    const proba = this.predictProba(embeddings, options);
    if (this.classes === 0) return Int8Array.from(proba, (p) => (p > 0.5 ? 1 : -1));
    return Int8Array.from({ length: proba.length / this.classes }, (_, row) => {
      const mine = proba.subarray(row * this.classes, (row + 1) * this.classes);
      return mine.indexOf(Math.max(...mine)) + 1;
    });
  }

  /** Everything prediction needs, as plain numbers. */
  toJSON(): EndModelJSON {
    const weights = Array.from(this.#weights);
    return { format: FORMAT, version: VERSION, classes: this.classes, dims: this.dims, weights };
  }

  /** @throws TypeError or RangeError: not such a model, an unknown version, damaged or missing numbers. */
  static fromJSON(json: EndModelJSON): EndModel {
    if (json?.format !== FORMAT) throw typeError(`an object of format '${FORMAT}'`, 'json', json);
    if (json.version !== VERSION) throw rangeError(`version ${VERSION}`, 'json.version', String(json.version));
    const classes = json.classes === 0 ? 0 : checkInteger(json.classes, 'json.classes', 2, 127);
    const dims = checkInteger(json.dims, 'json.dims', 1);
    const wanted = (classes > 2 ? classes : 1) * (dims + 1);
    if (!Array.isArray(json.weights) || json.weights.length !== wanted || !json.weights.every(Number.isFinite)) {
      throw typeError(`${wanted} finite numbers`, 'json.weights', json.weights);
    }
    return new EndModel(classes, dims, Float64Array.from(json.weights));
  }
}
