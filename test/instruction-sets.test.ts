// One score decides, with the same bits on every instruction set. Child processes: the choice is made once per process.
import { describe, expect, it } from 'vitest';
import { devices } from '../lib/index.js';
import { askChild, runChild } from './helpers/child.js';

interface Digests {
  isa: string;
  digests: Record<string, string>;
  /** Largest error of a fast similarity, 1 being its bound. */
  worst: number;
}

const ask = (isa: string) => askChild<Digests>('isa-digests', { env: { NEARVOTE_ISA: isa } });
const isas = devices()[0]?.isas ?? [];

describe.each(isas)('%s', (isa) => {
  it('gives the bits of the baseline, and fast matrices within their bound', async () => {
    const [mine, baseline] = [await ask(isa), await ask('baseline')];
    expect(mine.isa).toBe(isa);
    expect(mine.digests).toEqual(baseline.digests);
    expect(mine.worst).toBeLessThanOrEqual(1);
  });
});

it('the fastest one is the default', async () => {
  expect((await ask('')).isa).toBe(isas.at(-1));
});

it('an unknown one is refused by name', async () => {
  const { code, stderr } = await runChild('isa-digests', { env: { NEARVOTE_ISA: 'sse9' } });
  expect(code).toBe(1);
  expect(stderr).toContain(`Expected one of ${isas.join(', ')} for NEARVOTE_ISA but received "sse9"`);
});
