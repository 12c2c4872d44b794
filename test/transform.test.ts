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

  it("'auto' takes what brings rows of a class together, and new rows get the same", async () => {
    // The class is in one direction of small variance, a second one of large variance says nothing.
    const rows = (n: number, seed: number) => {
      const data = randomFloats(n, 4, seed).data;
      const labels = Int8Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 1 : -1));
      labels.forEach((label, i) => {
        data[4 * i]! = 0.1 * data[4 * i]! + 0.5 * label;
        data[4 * i + 1]! *= 50;
      });
      const cells = Array.from(labels, (y, i) => (i % 3 < 2 ? [y, i % 5 === 0 ? y : 0] : [0, 0]));
      return { embeddings: { data, shape: [n, 4] as const }, votes: votes(n, 2, cells.flat()), metric: 'l2' as const };
    };
    const [train, fresh] = [rows(300, 31), rows(60, 32)];
    const epoxy = await Epoxy.fit({ ...train, transform: 'auto' });
    const { kind, scores } = epoxy.report().transform;
    expect(kind).not.toBe('none');
    expect(scores![kind]).toBe(Math.max(...Object.values(scores!)));
    const proba = (await Epoxy.fit({ ...train, transform: kind })).predictProba(fresh);
    expect(epoxy.predictProba(fresh)).toEqual(proba);
    expect(Epoxy.fromJSON(JSON.parse(JSON.stringify(epoxy)), train).predictProba(fresh)).toEqual(proba);
  });

  it("'auto' leaves embeddings alone that nothing improves, and rows that are all alike", async () => {
    const noise = { votes: shifted(300, 33).votes, embeddings: randomFloats(300, 8, 34) };
    expect((await Epoxy.fit({ ...noise, transform: 'auto' })).report().transform.kind).toBe('none');
    const alike = { data: new Float32Array(300 * 8).fill(0.3), shape: [300, 8] as const };
    expect((await Epoxy.fit({ ...noise, embeddings: alike, transform: 'auto' })).report().transform).toEqual({
      kind: 'none',
      dims: 8,
    });
    const line = {
      data: Float32Array.from(noise.votes.data.subarray(0, 300), (_, i) => i + 1),
      shape: [300, 1] as const,
    };
    expect(
      (await Epoxy.fit({ ...noise, embeddings: line, metric: 'l2', transform: 'auto' })).report().transform.scores,
    ).toHaveProperty('whiten');
    const set = new EmbeddingSet(noise.embeddings);
    await expect(Epoxy.fit({ ...noise, embeddings: set, transform: 'auto' })).rejects.toThrow(
      /a matrix \(because of `transform`\)/,
    );
  });
});
