// Small inputs for tests, always the same for the same seed.
import type { FloatResult, VoteMatrix } from '../../lib/index.js';

/** Uniform numbers in [0, 1), 32 bits of state (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function floats(rows: number, cols: number, values: ArrayLike<number>): FloatResult {
  if (values.length !== rows * cols) throw new RangeError(`${values.length} values for ${rows} x ${cols}`);
  return { data: Float32Array.from(values), shape: [rows, cols] };
}

/** Rows of numbers as a matrix. */
export function fromRows(rows: readonly (readonly number[])[]): FloatResult {
  return floats(rows.length, rows[0]?.length ?? 0, rows.flat());
}

export function votes(rows: number, lfs: number, values: ArrayLike<number>, classes?: number): VoteMatrix {
  if (values.length !== rows * lfs) throw new RangeError(`${values.length} values for ${rows} x ${lfs}`);
  const data = Int8Array.from(values);
  return classes === undefined ? { data, shape: [rows, lfs] } : { data, shape: [rows, lfs], classes };
}

export function votesFromRows(rows: readonly (readonly number[])[], classes?: number): VoteMatrix {
  return votes(rows.length, rows[0]?.length ?? 0, rows.flat(), classes);
}

/** Values in [-1, 1). */
export function randomFloats(rows: number, cols: number, seed: number): FloatResult {
  const next = generator(seed);
  return floats(
    rows,
    cols,
    Float32Array.from({ length: rows * cols }, () => 2 * next() - 1),
  );
}

/** Integers in [-limit, limit]: dot products and squared distances are exact in float32 and float64. */
export function randomIntegers(rows: number, cols: number, limit: number, seed: number): FloatResult {
  const next = generator(seed);
  return floats(
    rows,
    cols,
    Float32Array.from({ length: rows * cols }, () => Math.floor(next() * (2 * limit + 1)) - limit),
  );
}

/** Votes -1/+1 (or 1..classes), each cell voting with probability `coverage`. */
export function randomVotes(rows: number, lfs: number, coverage: number, seed: number, classes?: number): VoteMatrix {
  const next = generator(seed);
  const cell = () => {
    if (next() >= coverage) return 0;
    if (classes === undefined) return next() < 0.5 ? -1 : 1;
    return 1 + Math.floor(next() * classes);
  };
  return votes(rows, lfs, Int8Array.from({ length: rows * lfs }, cell), classes);
}
