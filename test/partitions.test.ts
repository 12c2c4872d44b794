import { describe, expect, it } from 'vitest';
import { EmbeddingSet, Epoxy, LabelModel, type VoteMatrix } from '../lib/index.js';
import { PartitionedModel } from '../lib/partitioned-model.js';
import { generator } from './helpers/matrices.js';

/** Two far places; four labelling functions vote everywhere, the first two are right 95 % of the time here and at random there. */
function places(n: number, seed: number) {
  const next = generator(seed);
  const labels = Int8Array.from({ length: n }, () => (next() < 0.5 ? 1 : -1));
  const data = Float32Array.from({ length: 3 * n }, (_, at) =>
    at % 3 === Math.floor(at / 3) % 2 ? 5 + next() : next(),
  );
  const cells = Array.from(labels, (y, row) =>
    [0, 1, 2, 3].map((lf) => {
      const good = lf < 2 === (row % 2 === 0);
      return next() < (good ? 0.95 : 0.5) ? y : -y;
    }),
  );
  const votes: VoteMatrix = { data: Int8Array.from(cells.flat()), shape: [n, 4] };
  return { votes, embeddings: { data, shape: [n, 3] as const }, labels };
}

const accuracy = (predicted: ArrayLike<number>, labels: Int8Array) =>
  labels.filter((label, row) => predicted[row] === label).length / labels.length;
const model = { method: 'covariance' } as const;

describe('partitions', () => {
  it.each([
    ['posterior', 'cosine'],
    ['votes', 'l2'],
  ] as const)('%s, %s: learns where a labelling function is good', async (extension, metric) => {
    const [train, fresh] = [places(6000, 1), places(1000, 2)];
    const how = {
      ...train,
      extension,
      metric,
      model,
      ...(extension === 'votes' && { k: 1, thresholds: metric === 'l2' ? 0 : Infinity }),
    };
    const one = await Epoxy.fit(how);
    const two = await Epoxy.fit({ ...how, partitions: 2 });
    const auto = await Epoxy.fit({ ...how, partitions: 'auto' });
    expect(one.report().partitions).toBeUndefined();
    expect(two.report().partitions).toEqual({ count: 2, source: 'given' });
    const { count, source, losses } = auto.report().partitions!;
    expect(count).toBeGreaterThan(1);
    expect(source).toBe('votes');
    expect(losses!.map((tried) => tried.count)).toEqual([1, 2, 5, 10]);
    expect(accuracy(two.predict(fresh), fresh.labels)).toBeGreaterThan(
      accuracy(one.predict(fresh), fresh.labels) + 0.02,
    );

    const proba = two.predictProba(fresh);
    expect(await two.predictProbaAsync(fresh)).toEqual(proba);
    expect(await two.predictAsync(fresh)).toEqual(two.predict(fresh));
    const set = new EmbeddingSet(fresh.embeddings, { metric });
    expect(two.predictProba({ ...fresh, embeddings: set })).toEqual(proba);
    expect(Epoxy.fromJSON(JSON.parse(JSON.stringify(two)), train).predictProba(fresh)).toEqual(proba);
    const json = JSON.parse(JSON.stringify(two));
    expect(() => Epoxy.fromJSON({ ...json, partitions: { ...json.partitions, centres: 'AAAA' } }, train)).toThrow(
      /Expected 48 bytes for json.partitions.centres but received 3/,
    );
  });

  it('on gold rows, of their own or not, chooses by their labels', async () => {
    const [train, gold] = [places(3000, 3), places(200, 4)];
    const some = { rows: Array.from({ length: 200 }, (_, i) => i), labels: train.labels.subarray(0, 200) };
    for (const given of [gold, some]) {
      const epoxy = await Epoxy.fit({ ...train, gold: given, partitions: 'auto', model });
      const { count, source, losses } = epoxy.report().partitions!;
      expect(source).toBe('gold');
      const least = Math.min(...losses!.map(({ loss }) => loss));
      expect(losses!.find((tried) => tried.count === count)!.loss).toBe(least);
      expect(count).toBeGreaterThan(1);
    }
  });

  it('is the label model of all rows where partitions are alike, shrunk by n / (n + 1000)', async () => {
    const { votes, embeddings } = places(400, 5);
    const all = LabelModel.fit(votes, model);
    const set = new EmbeddingSet(embeddings);
    const local = await PartitionedModel.fit(votes, set, all, 1, model, {});
    // One partition: its own model is fitted with half the balance that the votes show.
    const mean = all.predictProba(votes).reduce((sum, p) => sum + p, 0) / 400;
    const own = LabelModel.fit(votes, { ...model, classBalance: [(0.5 + 1 - mean) / 2, (0.5 + mean) / 2] });
    const [a, b] = [all.toJSON(), own.toJSON()];
    const share = 400 / 1400;
    const expected = LabelModel.fromJSON({
      ...a,
      weights: a.weights.map((w, at) => (1 - share) * w + share * b.weights[at]!),
    });
    const byHand = expected.predictProba(votes);
    local.proba({ votes }, set).forEach((p, row) => {
      expect(p).toBeCloseTo(byHand[row]!, 10);
    });
  });

  it('stays with one where nothing can tell them apart, and refuses what makes no sense', async () => {
    const train = places(120, 6);
    expect((await Epoxy.fit({ ...train, partitions: 'auto' })).report().partitions!.count).toBe(1);
    expect(
      (await Epoxy.fit({ ...places(800, 7), partitions: 'auto', model: { method: 'majority' } })).report().partitions!
        .count,
    ).toBe(1);
    await expect(Epoxy.fit({ ...train, partitions: 0 })).rejects.toThrow(
      /Expected an integer in \[1, 120\] for partitions/,
    );
    await expect(Epoxy.fit({ ...train, partitions: 121 })).rejects.toThrow(/for partitions but received 121/);
    await expect(Epoxy.fit({ ...train, partitions: 2, model: { compat: 'flyingsquid' } })).rejects.toThrow(
      /under compat/,
    );
  });
});
