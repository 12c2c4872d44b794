import { describe, expect, it } from 'vitest';
import { EmbeddingSet, Epoxy, type EpoxyInput, extendVotes, LabelModel } from '../lib/index.js';
import { loadSplit, needData } from './helpers/datasets.js';
import { randomFloats, votes } from './helpers/matrices.js';

/** Two blobs on a circle; LF 0 and 1 know one each at its centre, LF 2 is wrong about a quarter of what it sees. */
function blobs(n: number, seed: number) {
  const noise = randomFloats(n, 2, seed).data;
  const labels = Int8Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 1 : -1));
  const data = Float32Array.from({ length: 2 * n }, (_, at) => {
    const angle = (labels[at >> 1] === 1 ? 0 : 2) + 0.6 * noise[at & ~1]!;
    return at & 1 ? Math.sin(angle) : Math.cos(angle);
  });
  const cells = Array.from({ length: n }, (_, i) => {
    const near = Math.abs(noise[2 * i]!) < 0.4;
    const label = labels[i]!;
    return [
      near && label === 1 ? 1 : 0,
      near && label === -1 ? -1 : 0,
      i % 3 === 0 ? (i % 4 === 0 ? -label : label) : 0,
    ];
  });
  return { embeddings: { data, shape: [n, 2] as const }, votes: votes(n, 3, cells.flat()), labels };
}

const accuracy = (predicted: ArrayLike<number>, labels: Int8Array) =>
  labels.reduce((sum, label, i) => sum + (predicted[i] === label ? 1 : 0), 0) / labels.length;

describe('Epoxy.fit', () => {
  it('is extension, label model and prediction in one', async () => {
    const { votes, embeddings } = blobs(200, 1);
    const thresholds = [0.99, 0.95, 0.9999];
    const model = { method: 'triplet-mean', signs: 'all-positive' } as const;
    const epoxy = await Epoxy.fit({ votes, embeddings, thresholds, model });
    const extended = extendVotes({ votes, embeddings, thresholds });
    const byHand = LabelModel.fit(votes, model);
    expect(epoxy.votes.data).toEqual(extended.votes.data);
    expect(epoxy.proba).toEqual(byHand.predictProba(extended.votes));
    expect(epoxy.labels).toEqual(byHand.predict(extended.votes));
    expect(epoxy.report().thresholdChoice).toEqual({ source: 'given' });

    const fresh = blobs(50, 2);
    const reached = extendVotes({ ...fresh, support: { votes, embeddings }, thresholds });
    expect(epoxy.predictProba(fresh)).toEqual(byHand.predictProba(reached.votes));
    expect(await epoxy.predictProbaAsync(fresh)).toEqual(byHand.predictProba(reached.votes));
    expect(epoxy.extend(fresh).neighbors).toEqual(reached.neighbors);
  });

  it('with gold never scores worse on it than without extension, and says which label rows without evidence get', async () => {
    const train = blobs(300, 3);
    const gold = blobs(60, 4);
    for (const given of [
      gold,
      { rows: Array.from({ length: 60 }, (_, i) => i), labels: train.labels.subarray(0, 60) },
    ]) {
      const epoxy = await Epoxy.fit({ ...train, gold: given, extension: 'votes', model: { method: 'majority' } });
      const { thresholdChoice, fallback, classBalanceSource } = epoxy.report();
      expect(thresholdChoice.source).toBe('gold');
      expect(thresholdChoice.score).toBeGreaterThanOrEqual(thresholdChoice.scoreWithout!);
      expect([1, -1]).toContain(fallback);
      expect(classBalanceSource).toBe('labels');
      if ('votes' in given) {
        const predicted = epoxy.predict(gold, { ties: 'prior', uncovered: 'prior' });
        expect(accuracy(predicted, gold.labels)).toBeCloseTo(thresholdChoice.score!, 12);
        expect(await epoxy.predictAsync(gold, { ties: 'prior', uncovered: 'prior' })).toEqual(predicted);
      }
    }
  });

  it('without gold judges thresholds on rows whose direct votes are hidden', async () => {
    const train = blobs(300, 5);
    const { thresholdChoice, coverage } = (
      await Epoxy.fit({ ...train, extension: 'votes', model: { method: 'majority' } })
    ).report();
    expect(thresholdChoice.source).toBe('pseudo-gold');
    expect(thresholdChoice.score).toBeGreaterThan(thresholdChoice.scoreWithout!);
    expect(coverage.extended).toBeGreaterThan(coverage.direct);
  });

  it('survives JSON given the same support rows, and refuses others', async () => {
    const train = blobs(100, 6);
    const fresh = blobs(40, 7);
    const epoxy = await Epoxy.fit({ ...train, thresholds: [0.99, Number.POSITIVE_INFINITY, 0.9] });
    const json = JSON.parse(JSON.stringify(epoxy));
    const again = Epoxy.fromJSON(json, train);
    expect(again.predictProba(fresh)).toEqual(epoxy.predictProba(fresh));
    const other = { ...train, votes: { ...train.votes, data: train.votes.data.map((v) => -v) } };
    expect(() => Epoxy.fromJSON(json, other)).toThrow(
      /the votes it was fitted on for support.votes but received others/,
    );
    expect(() => Epoxy.fromJSON({ ...json, version: 99 }, train)).toThrow(
      /Expected version 1 for json.version but received 99/,
    );
    expect(() => again.report()).toThrow(/Expected a fitted Epoxy for report/);
  });

  it('takes an EmbeddingSet and leaves it open; closes its own', async () => {
    const train = blobs(80, 9);
    const set = new EmbeddingSet(train.embeddings);
    const epoxy = await Epoxy.fit({ votes: train.votes, embeddings: set, thresholds: 0.9 });
    epoxy.close();
    expect(set.bytes).toBeGreaterThan(0);
    const own = await Epoxy.fit({ ...train, thresholds: 0.9 });
    own.close();
    expect(() => own.predictProba(train)).toThrow(/Expected an open EmbeddingSet/);
  });

  it('names what does not fit', async () => {
    const train = blobs(30, 10);
    const refuse = async (change: object, message: RegExp) =>
      expect(Epoxy.fit({ ...train, ...change } as EpoxyInput)).rejects.toThrow(message);
    await refuse(
      { thresholds: [0.5] },
      /Expected 3 numbers \(one per labelling function\) for thresholds but received 1/,
    );
    await refuse(
      { gold: { rows: [30], labels: [1] } },
      /Expected an integer in \[0, 29\] for gold.rows\[0\] but received 30/,
    );
    await refuse({ gold: { rows: [3], labels: [2] } }, /gold.labels\[0\] but received 2/);
    await refuse({ gold: { ...train, labels: [1] } }, /Expected 30 labels, one a row for gold.labels/);
    await refuse({ k: 0, thresholds: 0.5 }, /Expected an integer >= 1 for k but received 0/);
    await refuse({ extension: 'posterior', thresholds: 0.5 }, /one of 'votes' for extension but received "posterior"/);
    await refuse({ metric: 'hamming' }, /for metric but received "hamming"/);
    const controller = new AbortController();
    controller.abort(new Error('enough'));
    await expect(Epoxy.fit(train, { signal: controller.signal })).rejects.toThrow('enough');
  });
});

describe('Epoxy on real data, thresholds tuned on valid, train labels untouched', () => {
  it('sms: F1 at least .88', async (ctx) => {
    needData(ctx);
    expect((await scoreOnTest('sms')).f1).toBeGreaterThanOrEqual(0.88);
  });

  it('youtube: accuracy at least .86', async (ctx) => {
    needData(ctx);
    expect((await scoreOnTest('youtube')).accuracy).toBeGreaterThanOrEqual(0.86);
  });
});

async function scoreOnTest(set: 'sms' | 'youtube') {
  const [train, gold, test] = await Promise.all((['train', 'valid', 'test'] as const).map((s) => loadSplit(set, s)));
  const epoxy = await Epoxy.fit({ ...train!, gold: gold!, extension: 'votes', model: { method: 'majority' } });
  const predicted = epoxy.predict(test!, { ties: 'prior', uncovered: 'prior' });
  const count = (p: number, y: number) => test!.labels.filter((label, i) => label === y && predicted[i] === p).length;
  return {
    accuracy: accuracy(predicted, test!.labels),
    f1: (2 * count(1, 1)) / (2 * count(1, 1) + count(1, -1) + count(-1, 1)),
  };
}
