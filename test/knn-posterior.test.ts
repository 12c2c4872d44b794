import { describe, expect, it } from 'vitest';
import {
  EmbeddingSet,
  EndModel,
  Epoxy,
  type Gold,
  LabelModel,
  pairwiseSimilarities,
  type VoteMatrix,
} from '../lib/index.js';
import { hasData, loadSplit } from './helpers/datasets.js';
import { randomFloats, votes } from './helpers/matrices.js';

/** Points around K directions; LF c knows the class c + 1 near its centre, the last LF errs on a quarter of its rows. */
function wheel(n: number, classes: number, seed: number) {
  const noise = randomFloats(n, 2, seed).data;
  const labels = Int8Array.from({ length: n }, (_, i) => (i % classes) + 1);
  const data = Float32Array.from({ length: 2 * n }, (_, at) => {
    const angle = ((labels[at >> 1]! - 1) * 2 * Math.PI) / classes + 0.5 * noise[at & ~1]!;
    return at & 1 ? Math.sin(angle) : Math.cos(angle);
  });
  const cells = Array.from({ length: n }, (_, i) => {
    const own = Array.from({ length: classes }, (_, c) =>
      labels[i] === c + 1 && Math.abs(noise[2 * i]!) < 0.3 ? c + 1 : 0,
    );
    return [...own, i % 3 === 0 ? (i % 4 === 0 ? (labels[i]! % classes) + 1 : labels[i]!) : 0];
  });
  const matrix: VoteMatrix = { data: Int8Array.from(cells.flat()), shape: [n, classes + 1], classes };
  return { embeddings: { data, shape: [n, 2] as const }, votes: matrix, labels };
}

/** The class is the sign of one of 40 directions, the others are noise: near rows are hardly wiser than far ones. */
function line(n: number, seed: number) {
  const embeddings = randomFloats(n, 40, seed);
  const labels = Int8Array.from({ length: n }, (_, row) => (embeddings.data[40 * row]! > 0 ? 1 : -1));
  const cells = Array.from(labels, (y, row) => [row % 5 === 0 ? y : 0, row % 7 === 0 ? y : 0, row % 9 === 0 ? -y : 0]);
  return { embeddings, labels, votes: votes(n, 3, cells.flat()) };
}

const signed = (data: ReturnType<typeof wheel>) => ({
  ...data,
  votes: votes(
    data.votes.shape[0],
    data.votes.shape[1],
    Array.from(data.votes.data, (v) => (v === 0 ? 0 : v * 2 - 3)),
  ),
  labels: data.labels.map((label) => label * 2 - 3),
});

const accuracy = (predicted: ArrayLike<number>, labels: Int8Array) =>
  labels.filter((label, i) => predicted[i] === label).length / labels.length;

/** The definition, in plain loops over similarities: k nearest rows, five rounds, no gold. */
function byDefinition(rows: ReturnType<typeof wheel>, model: LabelModel, k: number): number[][] {
  const K = model.classBalance.length;
  const n = rows.labels.length;
  const flat = model.predictProba(rows.votes);
  const q = Array.from({ length: n }, (_, i) => Array.from(flat.subarray(i * K, (i + 1) * K)));
  const p = model.classBalance;
  const { data: similarity } = pairwiseSimilarities(rows.embeddings, rows.embeddings, {
    metric: 'cosine',
    precise: true,
  });
  const lists = q.map((_, i) => {
    const order = q.map((_, j) => j).filter((j) => j !== i);
    order.sort((a, b) => similarity[i * n + b]! - similarity[i * n + a]! || a - b);
    return order.slice(0, k).map((j) => ({ j, s: Math.max(0, similarity[i * n + j]!) }));
  });
  const lfs = rows.votes.shape[1];
  const counts = q.map((_, i) => rows.votes.data.subarray(i * lfs, (i + 1) * lfs).filter((v) => v !== 0).length);
  let weight = counts.map((count) => Math.min(count, 1));
  let state = q;
  for (let round = 0; round < 5; round++) {
    const counted = state.filter((_, i) => weight[i] === 1);
    const mean = p.map((_, y) => (counted.reduce((sum, row) => sum + row[y]!, 0) + 1 / K) / (counted.length + 1));
    state = q.map((own, i) => {
      const near = lists[i]!.map(({ j, s }) => ({ j, w: (s / lists[i]![0]!.s) ** 4 * weight[j]! }));
      const sum = near.reduce((total, { w }) => total + w, 0);
      const effective = sum > 0 ? sum ** 2 / near.reduce((total, { w }) => total + w * w, 0) : 0;
      const out = own.map((value, y) => {
        const average = sum > 0 ? near.reduce((total, { j, w }) => total + w * state[j]![y]!, 0) / sum : 0;
        const a = 1 / Math.sqrt(Math.max(1, counts[i]!));
        return ((p[y]! ** (1 - a) * value ** a) / mean[y]!) * (effective * average + mean[y]!);
      });
      const total = out.reduce((a, b) => a + b, 0);
      return out.map((value) => value / total);
    });
    weight = weight.map(() => 1);
  }
  return state;
}

describe("extension 'posterior'", () => {
  it('is five rounds of own evidence and weighted neighbours', async () => {
    const train = wheel(90, 3, 1);
    const epoxy = await Epoxy.fit({ ...train, k: 7 });
    const expected = byDefinition(train, LabelModel.fit(train.votes), 7).flat();
    expect(epoxy.proba.length).toBe(expected.length);
    epoxy.proba.forEach((value, at) => {
      expect(value).toBeCloseTo(expected[at]!, 5); // scores are rounded to float32
    });
    expect(epoxy.report()).toMatchObject({
      extension: 'posterior',
      thresholdChoice: { source: 'none' },
      smoothing: { neighbors: 7, rounds: 5, ownWeight: 1, goldWeight: 0, goldRows: 0, source: 'default' },
    });
  });

  it('labels rows that nothing votes on, and knows them from rows without any evidence', async () => {
    const train = signed(wheel(300, 2, 2));
    const epoxy = await Epoxy.fit(train);
    const { coverage } = epoxy.report();
    expect(coverage.direct).toBeLessThan(0.9);
    expect(coverage.extended).toBe(1);
    expect(accuracy(epoxy.labels, train.labels)).toBeGreaterThan(0.9);
    // A zero row has no direction, so no neighbours.
    const lost = {
      votes: votes(2, 3, [0, 0, 0, 0, 0, 0]),
      embeddings: { data: new Float32Array(4), shape: [2, 2] as const },
    };
    expect(Array.from(epoxy.predict(lost))).toEqual([0, 0]);
    expect(epoxy.predictProba(lost)[0]).toBeCloseTo(epoxy.model.classBalance[1]!, 12);
  });

  it.each(['cosine', 'dot', 'l2'] as const)(
    'works under %s, sync and async alike, on any number of threads',
    async (metric) => {
      const train = wheel(200, 3, 3);
      const fresh = wheel(60, 3, 4);
      const one = await Epoxy.fit({ ...train, metric, threads: 1 });
      const two = await Epoxy.fit({ ...train, metric, threads: 2 });
      expect(two.proba).toEqual(one.proba);
      const proba = one.predictProba(fresh);
      expect(await two.predictProbaAsync(fresh)).toEqual(proba);
      expect(await one.predictAsync(fresh)).toEqual(one.predict(fresh));
      expect(accuracy(one.predict(fresh), fresh.labels)).toBeGreaterThan(0.8);
      for (let row = 0; row < 60; row++)
        expect(proba[3 * row]! + proba[3 * row + 1]! + proba[3 * row + 2]!).toBeCloseTo(1, 12);
    },
  );

  it('takes gold rows as neighbours and never does worse on them than their own votes', async () => {
    const train = wheel(240, 3, 5);
    const own: Gold = wheel(60, 3, 6);
    const some: Gold = {
      rows: Array.from({ length: 60 }, (_, i) => 4 * i),
      labels: train.labels.filter((_, i) => i % 4 === 0),
    };
    for (const gold of [own, some]) {
      const epoxy = await Epoxy.fit({ ...train, gold });
      const { smoothing, classBalanceSource } = epoxy.report();
      expect(classBalanceSource).toBe('labels');
      expect(smoothing).toMatchObject({ goldRows: 60, source: 'gold' });
      expect(smoothing!.score!).toBeGreaterThanOrEqual(smoothing!.scoreWithout!);
      const fresh = wheel(90, 3, 7);
      expect(accuracy(epoxy.predict(fresh), fresh.labels)).toBeGreaterThan(0.9);
    }
  });

  it('believes a gold row over the votes around it', async () => {
    // Forty rows in one place that all vote +1, and one far away without votes; gold says the far place is -1.
    const n = 41;
    const place = (row: number) => (row < 40 ? [1, row / 1000] : [-1, 0.01]);
    const embeddings = {
      data: Float32Array.from(Array.from({ length: n }, (_, i) => place(i)).flat()),
      shape: [n, 2] as const,
    };
    const train = {
      embeddings,
      votes: votes(
        n,
        1,
        Array.from({ length: n }, (_, i) => (i < 40 ? 1 : 0)),
      ),
    };
    const gold = {
      votes: votes(1, 1, [0]),
      embeddings: { data: Float32Array.of(-1, 0), shape: [1, 2] as const },
      labels: [-1],
    };
    const model = { classBalance: [0.5, 0.5] };
    expect((await Epoxy.fit({ ...train, gold, model })).labels[40]).toBe(-1);
    expect((await Epoxy.fit({ ...train, gold: { rows: [40], labels: [-1] }, model })).labels[0]).toBe(1);
  });

  it('survives JSON, gold rows included', async () => {
    const train = signed(wheel(120, 2, 8));
    const fresh = signed(wheel(40, 2, 9));
    const gold = signed(wheel(30, 2, 10));
    const epoxy = await Epoxy.fit({ ...train, gold });
    const json = JSON.parse(JSON.stringify(epoxy));
    const again = Epoxy.fromJSON(json, train);
    expect(again.predictProba(fresh)).toEqual(epoxy.predictProba(fresh));
    expect(again.predict(fresh)).toEqual(epoxy.predict(fresh));
    const damaged = { ...json, posterior: { ...json.posterior, state: 'AAAA' } };
    expect(() => Epoxy.fromJSON(damaged, train)).toThrow(/Expected 2400 bytes for json.posterior.state but received 3/);
    const others: [part: object, message: RegExp][] = [
      [{ ownWeight: 7 }, /Expected a number in \[0, 1\] for json.posterior.ownWeight but received 7/],
      [{ k: 0 }, /Expected an integer >= 1 for json.posterior.k but received 0/],
      [{ mean: [0.5] }, /Expected 2 numbers for json.posterior.mean but received 1/],
      [{ mean: [0.5, -0.5] }, /Expected a finite number >= 0 for json.posterior.mean\[1\] but received -0.5/],
      [
        { weight: Buffer.from(new Float64Array(150).fill(-1).buffer).toString('base64') },
        /for json.posterior.weight\[0\]/,
      ],
      [{ gold: { embeddings: '' } }, /Expected \[rows, cols\] .* for json.posterior.gold.shape but received undefined/],
    ];
    for (const [part, message] of others)
      expect(() => Epoxy.fromJSON({ ...json, posterior: { ...json.posterior, ...part } }, train)).toThrow(message);
    expect(() => Epoxy.fromJSON({ ...json, thresholds: 0.5 }, train)).toThrow(
      'Expected an array of numbers for json.thresholds but received 0.5',
    );
    expect(() => Epoxy.fromJSON({ ...json, model: { ...json.model, classBalance: [1.5, -0.5] } }, train)).toThrow(
      'Expected a number >= 0 for json.classBalance[1] but received -0.5',
    );

    const set = new EmbeddingSet(gold.embeddings);
    const withSet = await Epoxy.fit({ ...train, gold: { ...gold, embeddings: set } });
    expect(withSet.predictProba(fresh)).toEqual(epoxy.predictProba(fresh));
    const reread = Epoxy.fromJSON(JSON.parse(JSON.stringify(withSet)), train).predictProba(fresh);
    epoxy.predictProba(fresh).forEach((p, row) => {
      expect(reread[row]).toBeCloseTo(p, 5);
    });
    withSet.close();
    expect(set.bytes).toBeGreaterThan(0);
    set.close();
    expect(() => withSet.toJSON()).toThrow(/Expected an open EmbeddingSet/);
  });

  it.each(['cosine', 'l2', 'dot'] as const)(
    '%s: lets an end model speak where neighbours know little',
    async (metric) => {
      const [train, gold, fresh] = [line(600, 21), line(80, 22), line(300, 23)];
      const model = { classBalance: [0.5, 0.5] };
      const without = await Epoxy.fit({ ...train, gold, metric, model, endModel: false });
      const epoxy = await Epoxy.fit({ ...train, gold, metric, model });
      expect(without.report().smoothing!.endModelWeight).toBe(0);
      expect(epoxy.report().smoothing!.endModelWeight).toBeGreaterThan(0);
      expect(accuracy(epoxy.predict(fresh), fresh.labels)).toBeGreaterThan(
        accuracy(without.predict(fresh), fresh.labels) + 0.03,
      );
      expect(accuracy(epoxy.labels, train.labels)).toBeGreaterThan(accuracy(without.labels, train.labels));

      const proba = epoxy.predictProba(fresh);
      expect(await epoxy.predictProbaAsync(fresh)).toEqual(proba);
      const set = new EmbeddingSet(fresh.embeddings, { metric });
      expect(epoxy.predictProba({ ...fresh, embeddings: set })).toEqual(proba);
      const json = JSON.parse(JSON.stringify(epoxy));
      expect(Epoxy.fromJSON(json, train).predictProba(fresh)).toEqual(proba);
      const other = {
        ...json,
        posterior: { ...json.posterior, endModel: { weight: 1, model: { ...json.posterior.endModel.model, dims: 9 } } },
      };
      expect(() => Epoxy.fromJSON(other, train)).toThrow(/json.weights|dimensions/);
    },
  );

  it('lets an end model learn from the gold labels alone where there are many', async () => {
    const [train, gold, fresh] = [line(600, 26), line(400, 27), line(300, 28)];
    const model = { classBalance: [0.4, 0.6] };
    const epoxy = await Epoxy.fit({ ...train, gold, model });
    const { endModelSource, endModelWeight: w, ownWeight } = epoxy.report().smoothing!;
    expect(endModelSource).toBe('gold');
    expect(accuracy(epoxy.predict(fresh), fresh.labels)).toBeGreaterThan(0.8);

    // Beside the smoothed posteriors: own votes, tempered as there, times what the model says over the frequencies of gold.
    const json = JSON.parse(JSON.stringify(epoxy));
    expect(Epoxy.fromJSON(json, train).predictProba(fresh)).toEqual(epoxy.predictProba(fresh));
    const smoothed = (await Epoxy.fit({ ...train, gold, model, endModel: false })).predictProba(fresh);
    const own = LabelModel.fit(train.votes, model).predictProba(fresh.votes);
    const set = new EmbeddingSet(fresh.embeddings);
    const said = EndModel.fromJSON(json.posterior.endModel.model).predictProba(set);
    const [minus, plus] = [-1, 1].map((y) => (gold.labels.filter((label) => label === y).length + 1) / 402);
    const odds = (p: number) => Math.log(p / (1 - p));
    epoxy.predictProba(fresh).forEach((p, row) => {
      const count = fresh.votes.data.subarray(3 * row, 3 * row + 3).filter(Boolean).length;
      const a = ownWeight / Math.sqrt(Math.max(1, count));
      const both = (1 - a) * odds(0.6) + a * odds(own[row]!) + odds(said[2 * row + 1]!) - Math.log(plus! / minus!);
      const expected = (1 - w) * odds(smoothed[row]!) + w * both;
      expect(p).toBeCloseTo(1 / (1 + Math.exp(-expected)), 5);
    });
    const damaged = { ...json, posterior: { ...json.posterior, endModel: { ...json.posterior.endModel, prior: [1] } } };
    expect(() => Epoxy.fromJSON(damaged, train)).toThrow(/Expected 2 numbers > 0 for json.posterior.endModel.prior/);

    // Four labels of a class are too few to learn it from.
    const kept = [...gold.labels.keys()].filter((row) => gold.labels[row] === -1);
    const rare = [...gold.labels.keys()].filter((row) => gold.labels[row] === 1).slice(0, 4);
    const labels = gold.labels.map((label, row) => (kept.includes(row) || rare.includes(row) ? label : 0));
    const lopsided = await Epoxy.fit({ ...train, gold: { ...gold, labels }, model });
    expect(lopsided.report().smoothing!.endModelSource).not.toBe('gold');
  });

  it('leaves the end model out where fewer than 10 gold labels could choose its share', async () => {
    const [train, gold] = [line(600, 24), line(9, 25)];
    const model = { classBalance: [0.5, 0.5] };
    for (const given of [undefined, gold]) {
      const epoxy = await Epoxy.fit({ ...train, gold: given, model });
      const without = await Epoxy.fit({ ...train, gold: given, model, endModel: false });
      expect(epoxy.report().smoothing!.endModelWeight).toBe(0);
      expect(epoxy.proba).toEqual(without.proba);
    }
  });

  it('does not depend on the order of labelling functions, the names of classes, or the number of threads', async () => {
    const [train, gold, fresh] = [wheel(200, 3, 31), wheel(60, 3, 32), wheel(50, 3, 33)];
    const change = (rows: typeof train, column: (j: number) => number, name: (c: number) => number) => ({
      ...rows,
      votes: {
        ...rows.votes,
        data: rows.votes.data.map((_, at, all) => name(all[at - (at % 4) + column(at % 4)]!)),
      },
      labels: rows.labels.map(name),
    });
    const proba = (await Epoxy.fit({ ...train, gold, threads: 1 })).predictProba(fresh);
    const next = (c: number) => (c === 0 ? 0 : (c % 3) + 1);
    const [a, b, c] = [train, gold, fresh].map((rows) => change(rows, (j) => 3 - j, next)) as [
      typeof train,
      typeof train,
      typeof train,
    ];
    const other = (await Epoxy.fit({ ...a, gold: b, threads: 2 })).predictProba(c);
    proba.forEach((p, at) => {
      expect(other[at - (at % 3) + (((at % 3) + 1) % 3)]).toBeCloseTo(p, 4);
    });
  });

  it('copes with one row, none, and more neighbours than rows', async () => {
    const one = { votes: votes(1, 1, [1]), embeddings: { data: Float32Array.of(1, 0), shape: [1, 2] as const } };
    expect((await Epoxy.fit(one)).labels).toEqual(LabelModel.fit(one.votes).predict(one.votes));
    const none = { votes: votes(0, 2, []), embeddings: { data: new Float32Array(0), shape: [0, 2] as const } };
    expect((await Epoxy.fit(none)).labels.length).toBe(0);
    const few = wheel(5, 2, 11);
    expect((await Epoxy.fit({ ...few, k: 99 })).report().smoothing!.neighbors).toBe(4);
  });

  it('names what does not fit', async () => {
    const train = wheel(30, 3, 12);
    const gold = wheel(10, 3, 13);
    await expect(Epoxy.fit({ ...train, k: 0 })).rejects.toThrow(/Expected an integer >= 1 for k but received 0/);
    const wide = { data: new Float32Array(30), shape: [10, 3] as const };
    await expect(Epoxy.fit({ ...train, gold: { ...gold, embeddings: wide } })).rejects.toThrow(
      /Expected 2 columns \(as in embeddings\) for gold.embeddings but received 3/,
    );
    await expect(Epoxy.fit({ ...train, gold: { ...gold, votes: signed(wheel(10, 2, 1)).votes } })).rejects.toThrow(
      /Expected classes as in votes \(3\) for gold.votes but received signed/,
    );
    const epoxy = await Epoxy.fit(train);
    expect(() => epoxy.predict({ votes: gold.votes, embeddings: train.embeddings })).toThrow(
      /30 rows \(as in embeddings\) for votes/,
    );
  });
});

describe.skipIf(!hasData)("extension 'posterior' on real data: test scored once, train labels untouched", () => {
  const scoreOnTest = async (set: 'sms' | 'youtube' | 'trec', tuned: boolean) => {
    const [train, gold, test] = await Promise.all((['train', 'valid', 'test'] as const).map((s) => loadSplit(set, s)));
    const balance = { model: { classBalance: { labels: gold!.labels } } };
    const epoxy = await Epoxy.fit({ ...train!, ...(tuned ? { gold: gold! } : balance) });
    const predicted = epoxy.predict(test!, { ties: 'prior', uncovered: 'prior' });
    const count = (p: number, y: number) => test!.labels.filter((label, i) => label === y && predicted[i] === p).length;
    const f1 = (2 * count(1, 1)) / (2 * count(1, 1) + count(1, -1) + count(-1, 1));
    return set === 'sms' ? f1 : accuracy(predicted, test!.labels);
  };

  it.each([
    ['youtube', 0.92, 0.9],
    ['sms', 0.91, 0.87],
    ['trec', 0.72, 0.64],
  ] as const)('%s: at least %f with gold on valid, %f with its class balance only', async (set, tuned, balanceOnly) => {
    expect(await scoreOnTest(set, true)).toBeGreaterThanOrEqual(tuned);
    expect(await scoreOnTest(set, false)).toBeGreaterThanOrEqual(balanceOnly);
  });
});
