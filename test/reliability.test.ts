import { describe, expect, it } from 'vitest';
import { countVotes, entropy, reliability, suggestDependencies } from '../lib/index.js';
import { generator, votes as votesOf } from './helpers/matrices.js';

describe('reliability', () => {
  it('counts by hand', () => {
    const report = reliability(Float64Array.of(0.05, 0.95, 0.92, 0.5, 0.7), [-1, 1, -1, 0, 1]);
    expect(report.rows).toBe(4);
    expect(report.bins.map((bin) => bin.count)).toEqual([1, 0, 0, 0, 0, 0, 0, 1, 0, 2]);
    expect(report.bins[9]).toEqual({ low: 0.9, high: 1, count: 2, predicted: 0.935, observed: 0.5 });
    expect(report.calibrationError).toBeCloseTo((0.05 + 2 * 0.435 + 0.3) / 4, 12);
    expect(report.brier).toBeCloseTo((0.05 ** 2 + 0.05 ** 2 + 0.92 ** 2 + 0.3 ** 2) / 4, 12);
    expect(report.logLoss).toBeCloseTo(-(Math.log(0.95) + Math.log(0.95) + Math.log(0.08) + Math.log(0.7)) / 4, 12);
  });

  it('honest probabilities have a small calibration error, boastful ones a large one', () => {
    const next = generator(1);
    const proba = Float64Array.from({ length: 20_000 }, () => next());
    const labels = Array.from(proba, (p) => (next() < p ? 1 : -1));
    expect(reliability(proba, labels).calibrationError).toBeLessThan(0.02);
    const boastful = proba.map((p) => (p > 0.5 ? 0.99 : 0.01));
    expect(reliability(boastful, labels).calibrationError).toBeGreaterThan(0.2);
  });

  it('K classes: of the predicted class', () => {
    const report = reliability(Float64Array.of(0.8, 0.1, 0.1, 0.2, 0.5, 0.3), [1, 3], { classes: 3, bins: 2 });
    expect(report.bins[1]).toMatchObject({ count: 2, predicted: 0.65, observed: 0.5 });
    expect(report.brier).toBeCloseTo((0.04 + 0.01 + 0.01 + (0.04 + 0.25 + 0.49)) / 2, 12);
  });

  it('names what does not fit', () => {
    expect(() => reliability(Float64Array.of(0.5), [1, 1])).toThrow(/Expected 2 elements for proba but received 1/);
    expect(() => reliability(Float64Array.of(1.5), [1])).toThrow(
      /probability in \[0, 1\] for proba\[0\] but received 1.5/,
    );
    expect(() => reliability(Float64Array.of(0.5), [2])).toThrow(/-1, 0 or \+1 for labels\[0\] but received 2/);
    expect(() => reliability(Float64Array.of(0.5), [0])).toThrow(
      /at least one known label for labels but received none/,
    );
  });
});

describe('entropy', () => {
  it('is 0 for certain rows and ln K for rows that could be anything', () => {
    expect(Array.from(entropy(Float64Array.of(0, 1)))).toEqual([0, 0]);
    for (const p of [Number.NaN, 1.5, -0.1])
      expect(() => entropy(Float64Array.of(0.5, p))).toThrow(
        `Expected a probability in [0, 1] for proba[1] but received ${p}`,
      );
    expect(entropy(Float64Array.of(0.5))[0]).toBeCloseTo(Math.log(2), 12);
    const [even, sure] = entropy(Float64Array.of(0.25, 0.25, 0.25, 0.25, 1, 0, 0, 0), { classes: 4 });
    expect(even).toBeCloseTo(Math.log(4), 12);
    expect(sure).toBe(0);
  });
});

describe('suggestDependencies', () => {
  it('finds the copy among independent rules, from votes or their counts', () => {
    const next = generator(7);
    const cells: number[] = [];
    for (let i = 0; i < 4000; i++) {
      const y = next() < 0.5 ? 1 : -1;
      const row = Array.from({ length: 6 }, () => (next() < 0.7 ? (next() < 0.75 ? y : -y) : 0));
      if (next() < 0.5) row[3] = row[1]!;
      cells.push(...row);
    }
    const votes = votesOf(4000, 6, cells);
    const found = suggestDependencies(votes);
    expect(found.map(({ lfs }) => lfs)).toEqual([[1, 3]]);
    expect(found[0]!.correlation).toBeGreaterThan(0.2);
    expect(suggestDependencies(countVotes(votes))).toEqual(found);
    const many = { ...votes, data: votes.data.map(Math.abs), classes: 3 };
    expect(() => suggestDependencies(many)).toThrow(/Expected binary votes for votes but received 3 classes/);
  });
});
