import { describe, expect, it } from 'vitest';
import { EmbeddingSet, Epoxy, type EpoxyInput, type TransformOptions } from '../lib/index.js';
import { randomFloats, votes } from './helpers/matrices.js';

/** Two classes that differ in one of 8 dimensions, all rows shifted far along another, so that raw cosines are all near 1. */
function shifted(n: number, seed: number) {
  const noise = randomFloats(n, 8, seed).data;
  const labels = Int8Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 1 : -1));
  const data = noise.map((value, at) => 0.3 * value + (at % 8 === 0 ? labels[at >> 3]! : at % 8 === 1 ? 20 : 0));
  const cells = Array.from({ length: n }, (_, i) => (i % 5 < 2 ? [labels[i]!, i % 3 === 0 ? labels[i]! : 0] : [0, 0]));
  return { embeddings: { data, shape: [n, 8] as const }, votes: votes(n, 2, cells.flat()), labels };
}

const KINDS: TransformOptions[] = [
  'centre',
  'whiten',
  { kind: 'whiten', directions: 3 },
  'all-but-the-top',
  { kind: 'all-but-the-top', directions: 2 },
];

/** What the definition says of centring: the mean of the unit rows is subtracted. */
function centred({ data, shape: [n, d] }: { data: Float32Array; shape: readonly [number, number] }, mean?: number[]) {
  const unit = Array.from({ length: n }, (_, i) => {
    const row = Array.from(data.subarray(i * d, (i + 1) * d));
    const norm = Math.hypot(...row);
    return row.map((value) => value / norm);
  });
  const centre = mean ?? unit[0]!.map((_, j) => unit.reduce((sum, row) => sum + row[j]!, 0) / n);
  const out = Float32Array.from(unit.flatMap((row) => row.map((value, j) => value - centre[j]!)));
  return { embeddings: { data: out, shape: [n, d] as const }, centre };
}

describe('transform', () => {
  it('centre is a fit on centred embeddings, new rows included', async () => {
    const train = shifted(120, 1);
    const fresh = shifted(40, 2);
    const byHand = centred(train.embeddings);
    for (const extra of [{}, { thresholds: 0.5 }]) {
      const epoxy = await Epoxy.fit({ ...train, ...extra, transform: 'centre' });
      const expected = await Epoxy.fit({ ...train, ...extra, embeddings: byHand.embeddings });
      const rows = { ...fresh, embeddings: centred(fresh.embeddings, byHand.centre).embeddings };
      expected.predictProba(rows).forEach((p, at) => {
        expect(epoxy.predictProba(fresh)[at]).toBeCloseTo(p, 4);
      });
      expect(epoxy.report().transform).toEqual({ kind: 'centre', dims: 8 });
      expect(expected.report().transform).toEqual({ kind: 'none', dims: 8 });
    }
  });

  it.each(KINDS)('%o is kept by JSON, works with gold and async alike', async (transform) => {
    const train = shifted(150, 3);
    const fresh = shifted(30, 4);
    for (const input of [
      { ...train, transform, gold: shifted(40, 5) },
      { ...train, transform, gold: shifted(40, 5), extension: 'votes' as const },
    ]) {
      const epoxy = await Epoxy.fit(input);
      const proba = epoxy.predictProba(fresh);
      expect(await epoxy.predictProbaAsync(fresh)).toEqual(proba);
      expect(proba.every(Number.isFinite)).toBe(true);
      const again = Epoxy.fromJSON(JSON.parse(JSON.stringify(epoxy)), train);
      expect(again.predictProba(fresh)).toEqual(proba);
    }
  });

  it('whitening finds what a far-off mean hides', async () => {
    const train = shifted(400, 6);
    const right = async (transform: TransformOptions) => {
      const { labels } = await Epoxy.fit({ ...train, transform });
      return labels.filter((label, i) => label === train.labels[i]).length / 400;
    };
    expect(await right('whiten')).toBeGreaterThan(0.95);
    expect(await right('centre')).toBeGreaterThan(0.95);
  });

  it('names what does not fit', async () => {
    const train = shifted(20, 7);
    const refuse = (change: object, message: RegExp) =>
      expect(Epoxy.fit({ ...train, ...change } as EpoxyInput)).rejects.toThrow(message);
    await refuse({ transform: 'rotate' }, /one of 'none', 'centre', 'whiten', 'all-but-the-top' for transform/);
    await refuse({ transform: { kind: 'whiten', directions: 9 } }, /an integer in \[1, 8\] for transform.directions/);
    await refuse(
      { transform: { kind: 'all-but-the-top', directions: 8 } },
      /an integer in \[1, 7\] for transform.directions/,
    );
    const set = new EmbeddingSet(train.embeddings);
    await refuse({ transform: 'centre', embeddings: set }, /a matrix \(because of `transform`\) for embeddings/);
    const alike = { data: new Float32Array(160).fill(1), shape: [20, 8] as const };
    await refuse({ transform: 'whiten', embeddings: alike }, /Expected rows that differ/);
    const broken = { data: train.embeddings.data.slice(), shape: [20, 8] as const };
    broken.data[29] = Number.NaN;
    await refuse({ transform: 'whiten', embeddings: broken }, /row 3.*column 5/);
    const epoxy = await Epoxy.fit({ ...train, transform: 'centre' });
    const narrow = { ...train, embeddings: { data: new Float32Array(140), shape: [20, 7] as const } };
    expect(() => epoxy.predict(narrow)).toThrow(/Expected 8 columns \(as fitted\) for embeddings but received 7/);
  });
});
