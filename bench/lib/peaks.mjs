// The two floors of a piece of work: its arithmetic at this machine's peak rate, and its bytes at its memory bandwidth.
// Peaks are measured in the same run by peaks.cpp; without g++ or on another architecture there are no floors.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isa, threads } from './machine.mjs';

let measured;

/** { avx2, avx512, avx512_vnni, amx: flop/s; words: popcounts/s; bytes: B/s } of all threads together, as far as the machine has them. */
export function peaks() {
  if (measured === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'nearvote-peaks-'));
    try {
      const program = join(folder, 'peaks');
      execFileSync('g++', [
        '-O3',
        '-std=c++20',
        '-pthread',
        '-w',
        fileURLToPath(new URL('peaks.cpp', import.meta.url)),
        '-o',
        program,
      ]);
      measured = JSON.parse(execFileSync(program, [String(threads)], { encoding: 'utf8' }));
    } catch {
      measured = {};
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  return measured;
}

/** Rate of the product on the instruction set in use, or on the one named. */
export const productRate = (unit = isa) => peaks()[unit];

/** Milliseconds that flops (on the unit in use, or `unit`), popcount words and bytes take at least; absent where unknown. */
export function floors({ flops, unit, words, bytes }) {
  const ms = (amount, rate) => (amount === undefined || rate === undefined ? undefined : (amount / rate) * 1e3);
  return {
    compute: words === undefined ? ms(flops, productRate(unit)) : ms(words, peaks().words),
    memory: ms(bytes, peaks().bytes),
  };
}
