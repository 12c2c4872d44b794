// The label model through the facade: what it promises, and where it departs from FlyingSquid, by the numbers that the
// reference's faults carry in design/reference-semantics.md (L1 ... L14).
import { describe, expect, it } from 'vitest';
import { countVotes, LabelModel, type LabelModelOptions, VoteCounts, type VoteMatrix } from '../lib/index.js';
import { generator, votesFromRows } from './helpers/matrices.js';

/** Independent LFs with symmetric errors on a balance P(Y = +1) = positive. */
function simulate(rows: number, accuracy: number[], coverage: number[], positive: number, seed: number) {
  const next = generator(seed);
  const labels = Int8Array.from({ length: rows }, () => (next() < positive ? 1 : -1));
  const lfs = accuracy.length;
  const data = new Int8Array(rows * lfs);
  labels.forEach((y, row) => {
    accuracy.forEach((a, lf) => {
      const [votes, right] = [next() < coverage[lf]!, next() < a];
      data[row * lfs + lf] = votes ? (right ? y : -y) : 0;
    });
  });
  return { votes: { data, shape: [rows, lfs] } as VoteMatrix, labels };
}
const accuracy = [0.9, 0.8, 0.7, 0.65, 0.75];
const coverage = [0.9, 0.5, 0.7, 1, 0.6];
const { votes } = simulate(5000, accuracy, coverage, 0.4, 1);
const METHODS = ['majority', 'triplet-mean', 'triplet-median', 'triplet-weighted', 'covariance', 'auto'] as const;
const brier = (proba: Float64Array, labels: Int8Array) =>
  proba.reduce((sum, p, row) => sum + (p - (labels[row] === 1 ? 1 : 0)) ** 2, 0) / labels.length;

describe.each(METHODS)('method %s', (method) => {
  it('is the same from votes, counts, merged counts, stored counts, as a job and on more threads', async () => {
    const options: LabelModelOptions = { method, classBalance: 'estimate' };
    const model = LabelModel.fit(votes, options).toJSON();
    const counts = countVotes(votes);
    const part = (from: number, to: number) =>
      countVotes({ data: votes.data.subarray(from * 5, to * 5), shape: [to - from, 5] });
    expect(LabelModel.fit(counts, options).toJSON()).toEqual(model);
    expect(LabelModel.fit(part(0, 1234).merge(part(1234, 5000)), options).toJSON()).toEqual(model);
    expect(LabelModel.fit(VoteCounts.fromJSON(JSON.parse(JSON.stringify(counts))), options).toJSON()).toEqual(model);
    expect((await LabelModel.fitAsync(votes, { ...options, copy: true })).toJSON()).toEqual(model);
    expect(LabelModel.fit(votes, { ...options, threads: 3 }).toJSON()).toEqual(model);
  });

  it('predicts the same after a round trip through JSON', async () => {
    const model = LabelModel.fit(votes, { method, classBalance: [0.6, 0.4] });
    const back = LabelModel.fromJSON(JSON.parse(JSON.stringify(model)));
    expect(back.predictProba(votes)).toEqual(model.predictProba(votes));
    expect(back.predict(votes)).toEqual(model.predict(votes));
    expect(await back.predictProbaAsync(votes)).toEqual(model.predictProba(votes));
    expect(await back.predictAsync(votes, { ties: 'prior' })).toEqual(model.predict(votes, { ties: 'prior' }));
    expect(back.toJSON()).toEqual(model.toJSON());
  });

  it('answers for one and two LFs, silent, constant, copied and contradicting LFs', () => {
    const cases = [
      [[1], [0]],
      [[1, -1]],
      [
        [1, 0, 1],
        [1, 0, -1],
      ],
      [
        [1, 1, -1],
        [-1, -1, 1],
        [0, 0, 0],
      ],
    ];
    for (const rows of cases) {
      const few = votesFromRows(rows);
      const proba = LabelModel.fit(few, { method }).predictProba(few);
      expect(proba.every((p) => p >= 0 && p <= 1)).toBe(true);
    }
  });
});

describe('what is told', () => {
  it('names the method and the reason', () => {
    expect(LabelModel.fit(votes)).toMatchObject({ method: 'covariance', reason: /three labelling functions/ });
    expect(LabelModel.fit(votesFromRows([[1, -1]]))).toMatchObject({ method: 'majority', reason: /one or two/ });
    expect(LabelModel.fit(votes, { method: 'covariance' }).reason).toBe('asked for');
  });
  it('names where the class balance came from', () => {
    expect(LabelModel.fit(votes)).toMatchObject({ classBalance: [0.5, 0.5], classBalanceSource: 'uniform' });
    expect(LabelModel.fit(votes, { classBalance: [3, 1] })).toMatchObject({ classBalance: [0.75, 0.25] });
    // Labels: one row of each class is added.
    const fromLabels = LabelModel.fit(votes, { classBalance: { labels: [1, 1, -1, 0] } });
    expect(fromLabels).toMatchObject({ classBalance: [0.4, 0.6], classBalanceSource: 'labels' });
    const estimated = LabelModel.fit(votes, { classBalance: 'estimate' });
    expect(estimated.classBalanceSource).toBe('estimate');
    expect(Math.abs(estimated.classBalance[1]! - 0.4)).toBeLessThan(0.1);
  });
  it('says how far the votes determine an estimated class balance', () => {
    const estimated = LabelModel.fit(votes, { classBalance: 'estimate' });
    const [negative, positive] = estimated.classBalanceInterval!;
    expect(positive!.low).toBeLessThan(0.4);
    expect(positive!.high).toBeGreaterThan(0.4);
    expect(negative!.low).toBeCloseTo(1 - positive!.high, 12);
    expect(positive!.high - positive!.low).toBeLessThan(0.3);
    expect(estimated.warnings).toEqual([]);
    expect(LabelModel.fromJSON(estimated.toJSON()).classBalanceInterval).toEqual(estimated.classBalanceInterval);
    expect(LabelModel.fit(votes)).toMatchObject({ classBalanceInterval: undefined, warnings: [] });
    const pair = LabelModel.fit(votesFromRows([[1, -1]]), { classBalance: 'estimate' });
    expect(pair.classBalanceInterval).toEqual([
      { low: 0, high: 1 },
      { low: 0, high: 1 },
    ]);
    expect(pair.warnings).toEqual([
      'P(Y = +1) could be 0.00 to 1.00 as far as the votes tell: a few labels would determine it',
    ]);
    const three = LabelModel.fit(votesFromRows([[1, 2, 3]], 3), { classBalance: 'estimate' });
    expect(three.warnings).toHaveLength(3);
  });
  it('tells accuracies with intervals, signs and coverage', () => {
    const model = LabelModel.fit(votes, { classBalance: [0.6, 0.4] });
    model.accuracies.forEach(({ estimate, low, high, sign, coverage: share }, lf) => {
      expect(Math.abs(estimate - accuracy[lf]!)).toBeLessThan(0.06);
      expect(low).toBeLessThan(estimate);
      expect(high).toBeGreaterThan(estimate);
      expect(sign).toBe(1);
      expect(Math.abs(share - coverage[lf]!)).toBeLessThan(0.03);
    });
  });
});

describe('departures from the reference', () => {
  it('L1: the class balance counts once; a row without votes gets it as it is', () => {
    const silent = votesFromRows([[0, 0, 0, 0, 0]]);
    const { votes } = simulate(5000, accuracy, [0.9, 0.5, 0.7, 0.8, 0.6], 0.7, 5);
    const options = { classBalance: [0.3, 0.7], method: 'triplet-median' } as const;
    expect(LabelModel.fit(votes, options).predictProba(silent)[0]).toBeCloseTo(0.7, 12);
    expect(LabelModel.fit(votes, { ...options, compat: 'flyingsquid' }).predictProba(silent)[0]).toBeCloseTo(0.8448, 3);
  });
  it('L1: posteriors are better for it', () => {
    const skewed = simulate(20_000, accuracy, coverage, 0.8, 2);
    const classBalance = [0.2, 0.8];
    const ours = LabelModel.fit(skewed.votes, { classBalance }).predictProba(skewed.votes);
    const theirs = LabelModel.fit(skewed.votes, { classBalance, compat: 'flyingsquid' }).predictProba(skewed.votes);
    expect(brier(ours, skewed.labels)).toBeLessThan(brier(theirs, skewed.labels) - 0.002);
  });
  it('L6: an LF that is wrong more often than right is turned, not trusted', () => {
    const turned = simulate(10_000, [0.9, 0.8, 0.2, 0.75], [1, 1, 1, 1], 0.5, 3).votes;
    expect(LabelModel.fit(turned).accuracies[2]!.estimate).toBeLessThan(0.3);
    expect(LabelModel.fit(turned).accuracies[2]!.sign).toBe(-1);
    const reference = LabelModel.fit(turned, { compat: 'flyingsquid' });
    expect(reference.accuracies[2]!.estimate).toBeGreaterThan(0.7);
  });
  it('L7: a silent LF takes nothing from the others', () => {
    const dead = simulate(10_000, [0.9, 0.8, 0.75, 0.7], [1, 1, 1, 0], 0.5, 4).votes;
    const estimate = (options: LabelModelOptions) => LabelModel.fit(dead, options).accuracies[0]!.estimate;
    for (const method of ['triplet-mean', 'triplet-median', 'triplet-weighted', 'covariance'] as const)
      expect(Math.abs(estimate({ method }) - 0.9)).toBeLessThan(0.03);
    expect(estimate({ compat: 'flyingsquid' })).toBeLessThan(0.75);
  });
  it('L12: counts do not wrap: 200,000 agreeing rows', () => {
    const data = new Int8Array(600_000).fill(1);
    expect(countVotes({ data, shape: [200_000, 3] }).joint(0, 1, 1, 1)).toBe(200_000);
  });
  it('L14: an unseen vote does not wipe out what the others say', () => {
    const never = votesFromRows(
      Array.from({ length: 60 }, (_, row) => [row % 2 ? 1 : -1, row % 2 ? 1 : -1, row % 3 ? 1 : -1]),
    );
    const model = LabelModel.fit(never);
    expect(model.predictProba(votesFromRows([[1, 1, 0]]))[0]).toBeGreaterThan(0.6);
  });
});

describe('what is refused', () => {
  const model = LabelModel.fit(votes);
  it.each([
    [{ method: 'em' }, "Expected one of 'majority'"],
    [{ classBalance: [1, 2, 3] }, 'Expected 2 numbers, one per class for classBalance but received 3'],
    [{ classBalance: [-0.2, 1.2] }, 'Expected a finite number >= 0 for classBalance[0] but received -0.2'],
    [{ classBalance: [0, 0] }, 'Expected a positive, finite sum for classBalance but received 0'],
    [{ classBalance: 'guess' }, "'estimate' or 'uniform' for classBalance"],
    [{ signs: 'none' }, "Expected one of 'recover', 'all-positive' for signs"],
    [{ triplets: [[0, 1, 2]] }, "only compat 'flyingsquid' takes them"],
    [{ compat: 'snorkel' }, "Expected one of 'flyingsquid' for compat"],
    [{ compat: 'flyingsquid', triplets: [[0, 1, 1]] }, 'Expected three different LF indices for triplets[0]'],
    [{ compat: 'flyingsquid', triplets: [[0, 1, 9]] }, 'for triplets[0][2] but received 9'],
    [{ compat: 'flyingsquid', classBalance: 'estimate' }, "classBalance under compat 'flyingsquid'"],
  ])('%o', (options, message) => {
    expect(() => LabelModel.fit(votes, options as LabelModelOptions)).toThrow(message);
  });
  it('votes of other LFs or classes', () => {
    expect(() => model.predictProba(votesFromRows([[1, 0]]))).toThrow('Expected 5 labelling functions for votes');
    expect(() => model.predict(votesFromRows([[1, 0, 2, 0, 0]], 3))).toThrow('Expected binary votes for votes');
    expect(() => LabelModel.fit(votesFromRows([[1, 2, 1]]), { compat: 'flyingsquid' })).toThrow(/row 0, column 1/);
    expect(() => LabelModel.fit(votesFromRows([[1, 2]], 3), { compat: 'flyingsquid' })).toThrow(/binary votes/);
    expect(() => LabelModel.fit(votesFromRows([[1, 1]]), { compat: 'flyingsquid' })).toThrow(/3 or more LFs/);
  });
  it('stored models that are damaged or from elsewhere', () => {
    const json = model.toJSON();
    const damaged: [object, RegExp][] = [
      [{ ...json, format: 'other' }, /format 'nearvote.label-model'/],
      [{ ...json, version: 99 }, /Expected version 1 for json.version but received 99/],
      [{ ...json, weights: json.weights.slice(1) }, /json.weights/],
      [{ ...json, weights: json.weights.map(() => null) }, /json.weights\[0\]/],
      [{ ...json, combine: 'sum' }, /json.combine/],
      [{ ...json, accuracies: [] }, /5 accuracies/],
      [{ ...json, accuracies: json.accuracies.map((lf) => ({ ...lf, low: 'x' })) }, /json.accuracies\[0\].low/],
      [{ ...json, accuracies: json.accuracies.map((lf) => ({ ...lf, sign: 0 })) }, /json.accuracies\[0\].sign/],
      [{ ...json, accuracies: json.accuracies.map(() => null) }, /an accuracy for json.accuracies\[0\]/],
      [{ ...json, classBalanceInterval: [{ low: 1, high: 0 }] }, /json.classBalanceInterval/],
      [{ ...json, lfs: -1 }, /json.lfs/],
    ];
    for (const [bad, message] of damaged) expect(() => LabelModel.fromJSON(bad as never)).toThrow(message);
  });
});
