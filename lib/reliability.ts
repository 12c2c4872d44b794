import { checkInteger, checkTypedArray, rangeError, typeError } from './check.js';

/** Rows whose predicted probability falls into one range. */
export interface ReliabilityBin {
  /** The range, low <= p < high (the last one includes 1). */
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** Mean predicted probability, null without rows. */
  readonly predicted: number | null;
  /** How often it came true, null without rows. */
  readonly observed: number | null;
}

/** How far predicted probabilities can be taken at their word. */
export interface Reliability {
  readonly bins: readonly ReliabilityBin[];
  /** Rows with a known label. */
  readonly rows: number;
  /** Expected calibration error: mean |predicted - observed| over the bins, weighed by their rows (Guo et al., arXiv 1706.04599). */
  readonly calibrationError: number;
  /** Mean squared error of the probabilities, summed over the classes (binary: of P(Y = +1)). */
  readonly brier: number;
  /** Mean -log of the probability given to the true label, in nats; infinite when a true label was given none. */
  readonly logLoss: number;
}

interface ReliabilityOptions {
  /** K for n x K probabilities of classes 1..K; absent: P(Y = +1) of a binary task. */
  readonly classes?: number | undefined;
  /** Number of equal ranges. Default 10. */
  readonly bins?: number | undefined;
}

const sizeOf = (options: ReliabilityOptions) =>
  options.classes === undefined ? 0 : checkInteger(options.classes, 'classes', 2, 127);

/**
 * The reliability report of posteriors where gold labels are known. Binary: of P(Y = +1). K classes: of the probability of
 * the predicted class, against whether it was right.
 *
 * @param proba what `predictProba` gives: n, or n x K numbers in [0, 1].
 * @param labels one a row: -1/+1 or 1..K; 0 = unknown, left out.
 * @throws TypeError or RangeError: wrong types, lengths or values; no known label.
 */
export function reliability(
  proba: Float64Array,
  labels: ArrayLike<number>,
  options: ReliabilityOptions = {},
): Reliability {
  const classes = sizeOf(options);
  const width = classes || 1;
  const count = checkInteger(options.bins ?? 10, 'bins', 1, 1000);
  checkTypedArray(proba, Float64Array, 'proba');
  if (typeof labels !== 'object' || labels === null || typeof labels.length !== 'number') {
    throw typeError('an array of labels', 'labels', labels);
  }
  if (proba.length !== labels.length * width) {
    throw rangeError(`${labels.length * width} elements`, 'proba', String(proba.length));
  }
  const tally = Array.from({ length: count }, () => ({ count: 0, predicted: 0, observed: 0 }));
  let rows = 0;
  let brier = 0;
  let logLoss = 0;
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number;
    if (label === 0) continue;
    const index = classes === 0 ? (label === 1 ? 1 : label === -1 ? 0 : -1) : label - 1;
    if (!Number.isInteger(index) || index < 0 || index >= (classes || 2)) {
      throw rangeError(classes === 0 ? '-1, 0 or +1' : `0 to ${classes}`, `labels[${row}]`, String(label));
    }
    const mine = proba.subarray(row * width, (row + 1) * width);
    const bad = mine.findIndex((p) => !(p >= 0 && p <= 1));
    if (bad >= 0) throw rangeError('a probability in [0, 1]', `proba[${row * width + bad}]`, String(mine[bad]));
    const best = classes === 0 ? 1 : mine.indexOf(Math.max(...mine));
    const predicted = classes === 0 ? mine[0]! : mine[best]!;
    const bin = tally[Math.min(count - 1, Math.floor(predicted * count))]!;
    bin.count++;
    bin.predicted += predicted;
    bin.observed += best === index ? 1 : 0;
    rows++;
    brier += mine.reduce((sum, p, c) => sum + (p - ((classes === 0 ? index === 1 : c === index) ? 1 : 0)) ** 2, 0);
    logLoss -= Math.log(classes === 0 ? (index === 1 ? predicted : 1 - predicted) : mine[index]!);
  }
  if (rows === 0) throw rangeError('at least one known label', 'labels', 'none');
  const gap = tally.reduce((sum, bin) => sum + Math.abs(bin.predicted - bin.observed), 0);
  const bins = tally.map((bin, at) => ({
    low: at / count,
    high: (at + 1) / count,
    count: bin.count,
    predicted: bin.count === 0 ? null : bin.predicted / bin.count,
    observed: bin.count === 0 ? null : bin.observed / bin.count,
  }));
  return { bins, rows, calibrationError: gap / rows, brier: brier / rows, logLoss: logLoss / rows };
}

/**
 * The entropy of every row's posterior in nats: 0 for a certain row, ln 2 (ln K) for one that could be anything.
 *
 * @param proba n numbers P(Y = +1), or n x K with `classes: K`, in [0, 1].
 * @throws TypeError or RangeError: no Float64Array, not n x K numbers, a number outside [0, 1].
 */
export function entropy(proba: Float64Array, options: { readonly classes?: number | undefined } = {}): Float64Array {
  checkTypedArray(proba, Float64Array, 'proba');
  proba.forEach((p, at) => {
    if (!(p >= 0 && p <= 1)) throw rangeError('a probability in [0, 1]', `proba[${at}]`, String(p));
  });
  const term = (p: number) => (p > 0 ? -p * Math.log(p) : 0);
  const classes = sizeOf(options);
  if (classes === 0) return proba.map((p) => term(p) + term(1 - p));
  if (proba.length % classes !== 0)
    throw rangeError(`a multiple of ${classes} elements`, 'proba', String(proba.length));
  return Float64Array.from({ length: proba.length / classes }, (_, row) =>
    proba.subarray(row * classes, (row + 1) * classes).reduce((sum, p) => sum + term(p), 0),
  );
}
