// Argument checks, with one message shape: "Expected <what> for <parameter> but received <value>".
import { addon } from './native.js';
import type { FloatMatrix, Metric, VoteMatrix, Votes } from './types.js';

/** A checked matrix: what the native side takes as (data, rows, cols). */
export interface Checked<T> {
  readonly data: T;
  readonly rows: number;
  readonly cols: number;
}

/** Describes a received value in a message, shortly. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined) return String(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object') return `a ${typeof value}`;
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${(value as Float32Array).length})`;
  if (Array.isArray(value)) {
    return value.length <= 6 && value.every((v) => typeof v === 'number')
      ? `[${value.join(', ')}]`
      : `an array of length ${value.length}`;
  }
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== 'Object'
    ? `an instance of ${name}`
    : `an object with keys {${Object.keys(value).slice(0, 6).join(', ')}}`;
}

const message = (what: string, parameter: string, received: string) =>
  `Expected ${what} for ${parameter} but received ${received}`;

/** The wrong kind of thing. */
export function typeError(what: string, parameter: string, value: unknown): TypeError {
  return new TypeError(message(what, parameter, describe(value)));
}

/** The right kind of thing, out of its range. */
export function rangeError(what: string, parameter: string, received: string): RangeError {
  return new RangeError(message(what, parameter, received));
}

/** A handle that was closed. */
export function closedError(what: string, parameter: string): TypeError {
  return new TypeError(message(what, parameter, 'one that is closed'));
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** An integer in [low, high]. */
export function checkInteger(value: unknown, parameter: string, low: number, high = 2 ** 31 - 1): number {
  const what = high === 2 ** 31 - 1 ? `an integer >= ${low}` : `an integer in [${low}, ${high}]`;
  if (typeof value !== 'number') throw typeError(what, parameter, value);
  if (!Number.isInteger(value) || value < low || value > high) throw rangeError(what, parameter, String(value));
  return value;
}

/** One of a list of words. */
export function checkOneOf<T extends string>(value: unknown, allowed: readonly T[], parameter: string): T {
  if (allowed.includes(value as T)) return value as T;
  throw typeError(`one of ${allowed.map((v) => `'${v}'`).join(', ')}`, parameter, value);
}

/** `threads` of a call: undefined (the default), or >= 1. Returns 0 for the default. */
export function checkThreads(value: unknown): number {
  return value === undefined ? 0 : checkInteger(value, 'threads', 1, 1024);
}

/** Options must be an object before they are read. */
export function checkOptions<T extends object>(value: T, parameter = 'options'): T {
  if (typeof value !== 'object' || value === null) throw typeError('an object', parameter, value);
  return value;
}

const POLICIES = ['abstain', 'prior'] as const;

/** What is done with ties and with rows without evidence. */
export function checkPolicies({ ties, uncovered }: { readonly ties?: unknown; readonly uncovered?: unknown }) {
  return {
    ties: checkOneOf(ties ?? 'abstain', POLICIES, 'ties'),
    uncovered: checkOneOf(uncovered ?? 'abstain', POLICIES, 'uncovered'),
  };
}

/**
 * Refuses a name that is one of the known ones spelt otherwise (case, underscore, an s more or less): it would be ignored.
 * Other names pass: rows may carry texts and labels of their own.
 */
export function checkSpelling(value: object, known: readonly string[], parameter: string): void {
  const plain = (name: string) => name.toLowerCase().replaceAll('_', '').replace(/s$/, '');
  for (const name of Object.keys(value)) {
    const meant = known.includes(name) ? undefined : known.find((other) => plain(other) === plain(name));
    if (meant !== undefined) throw new TypeError(message(`'${meant}'`, parameter, `'${name}'`));
  }
}

/** Refuses names that are not known. */
export function checkNames(value: object, known: readonly string[], parameter: string): void {
  const name = Object.keys(value).find((given) => !known.includes(given));
  if (name !== undefined) throw new TypeError(message(`one of ${known.join(', ')}`, parameter, `'${name}'`));
}

export function checkMetric(value: unknown, allowed: readonly Metric[] = ['cosine', 'dot', 'l2']): Metric {
  return checkOneOf(value, allowed, 'metric');
}

type TypedArrayClass<T> = { new (length: number): T; readonly name: string };

/** Also of another realm (a vm context, a test runner's sandbox), where `instanceof` fails. */
const isTypedArray = <T extends ArrayBufferView>(value: unknown, { name }: TypedArrayClass<T>): value is T =>
  ArrayBuffer.isView(value) && (value as unknown as Float32Array)[Symbol.toStringTag] === name;

/** A typed array of one class on a fixed, attached buffer. SharedArrayBuffer is fine. */
export function checkTypedArray<T extends ArrayBufferView>(
  value: unknown,
  Class: TypedArrayClass<T>,
  parameter: string,
): T {
  if (!isTypedArray(value, Class)) throw typeError(`a ${Class.name}`, parameter, value);
  const buffer = value.buffer as ArrayBufferLike & { resizable?: boolean; growable?: boolean };
  if (buffer.resizable || buffer.growable) {
    throw new TypeError(message(`a ${Class.name} on a buffer of fixed length`, parameter, 'one on a resizable buffer'));
  }
  return value;
}

export function checkShape(given: unknown, parameter: string): readonly [rows: number, cols: number] {
  const list = Array.isArray(given) || ArrayBuffer.isView(given) ? Array.from(given as ArrayLike<unknown>) : undefined;
  if (list?.length !== 2 || !isCount(list[0]) || !isCount(list[1])) {
    throw typeError('[rows, cols] with two non-negative integers', parameter, given);
  }
  return [list[0], list[1]];
}

function checkMatrix<T extends ArrayBufferView & { length: number }>(
  value: unknown,
  Class: TypedArrayClass<T>,
  parameter: string,
): Checked<T> {
  if (typeof value !== 'object' || value === null || !('data' in value)) {
    throw typeError(`{ data: ${Class.name}, shape: [rows, cols] }`, parameter, value);
  }
  const data = checkTypedArray(value.data, Class, `${parameter}.data`);
  const { shape, dims } = value as { shape?: unknown; dims?: unknown };
  const [rows, cols] = checkShape(shape ?? dims, `${parameter}.shape`);
  if (data.length !== rows * cols) {
    const emptied = data.length === 0 && data.buffer.byteLength === 0 ? ' (its buffer is empty or detached)' : '';
    throw rangeError(`${rows} x ${cols} = ${rows * cols} elements`, `${parameter}.data`, `${data.length}${emptied}`);
  }
  return { data, rows, cols };
}

/** Embeddings, or any float32 matrix: shape and length. Finiteness is checked by the core in its one pass over the data. */
export function checkFloatMatrix(value: FloatMatrix, parameter: string): Checked<Float32Array> {
  const matrix = checkMatrix(value, Float32Array, parameter);
  if (matrix.cols === 0 && matrix.rows > 0)
    throw rangeError('at least one column', `${parameter}.shape`, `[${matrix.rows}, 0]`);
  return matrix;
}

/** A checked vote matrix: `classes` is 0 for signed votes (-1, 0, +1), else K for votes 0..K. */
export interface CheckedVotes extends Checked<Int8Array> {
  readonly classes: number;
}

/** Votes: shape, length and domain; the first cell outside the domain is named. */
export function checkVotes(value: Votes, parameter: string): CheckedVotes {
  const matrix = checkMatrix(value, Int8Array, parameter);
  const classes = value.classes === undefined ? 0 : checkInteger(value.classes, `${parameter}.classes`, 2, 127);
  const { data, rows, cols } = matrix;
  const at = addon.firstInvalidVote(data, rows, cols, classes);
  if (at >= 0) {
    const what = classes === 0 ? '-1, 0 (abstain) or +1' : `0 (abstain) to ${classes}`;
    throw rangeError(what, `${parameter} at row ${Math.floor(at / cols)}, column ${at % cols}`, String(data[at]));
  }
  return { ...matrix, classes };
}

/** @internal {@link checkVotes}, and the votes with the shape that was found. */
export function shapedVotes(value: Votes, parameter = 'votes'): VoteMatrix {
  const { data, rows, cols, classes } = checkVotes(value, parameter);
  return classes === 0 ? { data, shape: [rows, cols] } : { data, shape: [rows, cols], classes };
}

/** One threshold for all labelling functions or one for each; NaN is refused, infinities are fine. */
export function checkThresholds(value: unknown, lfs: number, parameter = 'thresholds'): Float64Array {
  if (typeof value === 'number') {
    if (Number.isNaN(value)) throw rangeError('a number', parameter, 'NaN');
    return new Float64Array(lfs).fill(value);
  }
  const list = value as ArrayLike<unknown> | null | undefined;
  if (typeof list !== 'object' || list === null || typeof list.length !== 'number') {
    throw typeError('a number or one number per labelling function', parameter, value);
  }
  if (list.length !== lfs)
    throw rangeError(`${lfs} numbers (one per labelling function)`, parameter, String(list.length));
  return Float64Array.from({ length: lfs }, (_, j) => {
    const threshold = list[j];
    if (typeof threshold !== 'number' || Number.isNaN(threshold))
      throw typeError('a number', `${parameter}[${j}]`, threshold);
    return threshold;
  });
}

/** `out` must be of the right length and must not share bytes with an input. */
export function checkOut(
  out: unknown,
  length: number,
  inputs: readonly ArrayBufferView[],
  parameter = 'out',
): Float32Array {
  const holder = typeof out === 'object' && out !== null && 'data' in out ? out.data : out;
  const target = checkTypedArray(holder, Float32Array, parameter);
  if (target.length !== length) throw rangeError(`${length} elements`, parameter, String(target.length));
  for (const input of inputs) {
    const overlap =
      input.buffer === target.buffer &&
      input.byteOffset < target.byteOffset + target.byteLength &&
      target.byteOffset < input.byteOffset + input.byteLength;
    if (overlap) throw new RangeError(message('memory of its own', parameter, 'a view that overlaps an input'));
  }
  return target;
}
