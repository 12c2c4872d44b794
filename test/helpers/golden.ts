// Recorded results of the reference implementations. They live beside the checkout (../shared/golden, described by the
// README.md there) and not in it, so tests that need them say that they were skipped.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'vitest';
import { readNpy } from '../../lib/io/npy.js';

const root = fileURLToPath(new URL('../../../shared/golden', import.meta.url));

/** Skips the test, with the reason, where the recorded results are not at hand. */
export function needGolden(ctx: TestContext): void {
  if (!existsSync(root)) ctx.skip('../shared/golden is not beside this checkout');
}

export function goldenJson<T>(room: string, file: string): T {
  return JSON.parse(readFileSync(join(root, room, file), 'utf8')) as T;
}

/** A recorded array; `Class` is the typed array its dtype gives. */
export async function goldenArray<T>(
  room: string,
  file: string,
  Class: new (length: number) => T,
): Promise<{ data: T; shape: number[] }> {
  const { data, shape } = await readNpy(join(root, room, file));
  if (!(data instanceof Class)) throw new TypeError(`${file} holds a ${data.constructor.name}, not a ${Class.name}`);
  return { data, shape: [...shape] };
}

/** A recorded array as a matrix, as the facade takes it. */
export async function goldenMatrix<T>(room: string, file: string, Class: new (length: number) => T) {
  const { data, shape } = await goldenArray(room, file, Class);
  const [rows, cols] = shape;
  if (shape.length !== 2 || rows === undefined || cols === undefined) throw new TypeError(`${file} is no matrix`);
  return { data, shape: [rows, cols] as const };
}
