// The small matrices the tests of wrong arguments share, and how they ask for a refusal.
import { expect, it } from 'vitest';
import type { ExtendVotesInput, FloatMatrix } from '../../lib/index.js';
import { fromRows, votesFromRows } from './matrices.js';

export const a = fromRows([
  [1, 0],
  [0, 1],
  [3, 4],
]);
export const b = fromRows([
  [2, 0],
  [0, -1],
]);
export const votes = votesFromRows([
  [1, 0],
  [0, -1],
  [0, 0],
]);
export const good: ExtendVotesInput = { votes, embeddings: a, thresholds: 0.5 };

/** Something of the wrong type, given as if it were right. */
export const wrong = (value: unknown) => value as never;
export const { data } = a;
export const withValue = (row: number, column: number, value: number): FloatMatrix => {
  const copy = data.slice();
  copy[row * 2 + column] = value;
  return { data: copy, shape: [3, 2] };
};
export const resizable = (bytes: number) =>
  Reflect.construct(ArrayBuffer, [bytes, { maxByteLength: 2 * bytes }]) as ArrayBuffer;
export const growable = (bytes: number) =>
  Reflect.construct(SharedArrayBuffer, [bytes, { maxByteLength: 2 * bytes }]) as SharedArrayBuffer;
export function detached(): Float32Array {
  const values = data.slice();
  structuredClone(values, { transfer: [values.buffer] });
  return values;
}

/** The call and its async form are refused with this message. */
export function refuses(title: string, message: string | RegExp, call: () => unknown, job: () => Promise<unknown>) {
  it(title, async () => {
    expect(call).toThrow(message);
    await expect(job()).rejects.toThrow(message);
  });
}
