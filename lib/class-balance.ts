import { describe, rangeError, typeError } from './check.js';

/** P(Y): numbers in the order [-1, +1] or 1..K (any positive scale), or labels to take it from (0 = unknown), or a rule. */
export type ClassBalance = ArrayLike<number> | { readonly labels: ArrayLike<number> } | 'estimate' | 'uniform';
/** Where a class balance came from: numbers, labels, the votes themselves, or nowhere. */
export type ClassBalanceSource = 'given' | 'labels' | 'estimate' | 'uniform';
export const SOURCES = ['given', 'labels', 'estimate', 'uniform'] as const;

/** 95 % interval of the share of one class. */
export interface ClassShareInterval {
  readonly low: number;
  readonly high: number;
}

/** @internal An array of numbers from outside, as float64. */
export function numbers(value: unknown, parameter: string): Float64Array {
  const list = value as ArrayLike<unknown> | null | undefined;
  if (typeof list !== 'object' || list === null || typeof list.length !== 'number')
    throw typeError('an array of numbers', parameter, value);
  return Float64Array.from({ length: list.length }, (_, at) => {
    const number = list[at];
    if (typeof number !== 'number') throw typeError('a number', `${parameter}[${at}]`, number);
    return number;
  });
}

/** Class frequencies of labels, one row of each class added so that none is impossible. */
function balanceOfLabels(labels: ArrayLike<number>, classes: number): Float64Array {
  const counts = new Float64Array(classes || 2).fill(1);
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number;
    if (label === 0) continue;
    const index = classes === 0 ? (label === 1 ? 1 : label === -1 ? 0 : -1) : label - 1;
    if (!(index in counts)) throw rangeError('a vote or 0 (unknown)', `classBalance.labels[${row}]`, describe(label));
    counts[index]! += 1;
  }
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => count / total);
}

/** @internal The class balance to fit with (empty: estimate it), summing to 1, and where it came from. */
export function checkBalance(value: ClassBalance | undefined, classes: number): [Float64Array, ClassBalanceSource] {
  const size = classes || 2;
  if (value === 'estimate') return [new Float64Array(0), 'estimate'];
  if (value === undefined || value === 'uniform') return [new Float64Array(size).fill(1 / size), 'uniform'];
  if (typeof value === 'object' && value !== null && 'labels' in value)
    return [balanceOfLabels(value.labels, classes), 'labels'];
  if (typeof value === 'string') throw typeError("numbers, { labels }, 'estimate' or 'uniform'", 'classBalance', value);
  const balance = numbers(value, 'classBalance');
  if (balance.length !== size)
    throw rangeError(`${size} numbers, one per class`, 'classBalance', String(balance.length));
  const bad = balance.findIndex((p) => !(p >= 0 && p < Number.POSITIVE_INFINITY));
  if (bad >= 0) throw rangeError('a finite number >= 0', `classBalance[${bad}]`, String(balance[bad]));
  const sum = balance.reduce((total, p) => total + p, 0);
  if (!(sum > 0 && sum < Number.POSITIVE_INFINITY))
    throw rangeError('a positive, finite sum', 'classBalance', String(sum));
  return [balance.map((p) => p / sum), 'given'];
}
