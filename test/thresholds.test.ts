import { describe, expect, it } from 'vitest';
import { Epoxy, extendVotes, LabelModel, type VoteMatrix } from '../lib/index.js';
import { ThresholdJudge } from '../lib/threshold-judge.js';
import { candidateThresholds, searchEach, searchOne } from '../lib/threshold-search.js';
import { VoterReach } from '../lib/voter-reach.js';
import { generator, randomFloats } from './helpers/matrices.js';

/**
 * Rows on a circle, class +1 on the upper half. LF 0 and 1 vote near the two poles and are right; what they say holds a
 * quarter turn away. LF 2 votes at a few places and is right exactly there, but the next rows belong to anyone.
 */
function circle(n: number, seed: number) {
  const next = generator(seed);
  const angles = Array.from({ length: n }, () => (2 * next() - 1) * Math.PI);
  const labels = Int8Array.from(angles, (angle) => (angle > 0 ? 1 : -1));
  const data = Float32Array.from(angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)]));
  const cells = angles.flatMap((angle, row) => [
    Math.abs(angle - Math.PI / 2) < 0.3 ? 1 : 0,
    Math.abs(angle + Math.PI / 2) < 0.3 ? -1 : 0,
    Math.abs(Math.sin(8 * angle)) < 0.15 ? (row % 2 === 0 ? labels[row]! : -labels[row]!) : 0,
  ]);
  const votes: VoteMatrix = { data: Int8Array.from(cells), shape: [n, 3] };
  return { votes, embeddings: { data, shape: [n, 2] as const }, labels };
}

async function judgeOf(
  train: ReturnType<typeof circle>,
  gold: ReturnType<typeof circle>,
  k: number,
  metric: 'cosine' | 'l2',
) {
  const reach = await VoterReach.create({ votes: gold.votes, embeddings: gold.embeddings, support: train, metric }, k);
  const model = LabelModel.fit(train.votes, { method: 'majority' });
  return { judge: ThresholdJudge.of(reach, gold.labels, 1000, model, {}), model };
}

describe('thresholds on gold rows', () => {
  it.each([
    [1, 'cosine'],
    [1, 'l2'],
    [4, 'cosine'],
  ] as const)(
    'k = %i, %s: the sweep finds for one labelling function what scoring every threshold finds',
    async (k, metric) => {
      const [train, gold] = [circle(300, 1), circle(80, 2)];
      const { judge } = await judgeOf(train, gold, k, metric);
      const start = { thresholds: new Float64Array(3).fill(judge.reach.nothing), right: 0, fallback: 1 };
      const none = { ...start, ...(await judge.score(start.thresholds)) };
      const found = await searchEach(judge, none);
      // Nothing better is left for any labelling function on its own.
      for (let lf = 0; lf < 3; lf++) {
        const scores = new Set(
          Array.from({ length: 80 }, (_, row) => judge.reach.scores[row * 3 + lf]!).filter((s) => !Number.isNaN(s)),
        );
        for (const score of scores) {
          const near = score + (metric === 'l2' ? 1e-6 : -1e-6);
          const right = await judge.right(found.thresholds.with(lf, near), found.fallback);
          expect(right.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(found.right);
        }
      }
      expect(found.right).toBeGreaterThan(none.right);
    },
  );

  it('scores what is then predicted', async () => {
    const [train, gold] = [circle(300, 3), circle(100, 4)];
    for (const k of [1, 5]) {
      const epoxy = await Epoxy.fit({ ...train, gold, extension: 'votes', k, model: { method: 'majority' } });
      const { thresholdChoice, fallback } = epoxy.report();
      const predicted = epoxy.predict(gold, { ties: 'prior', uncovered: 'prior' });
      const right = gold.labels.filter((label, row) => predicted[row] === label).length;
      expect(thresholdChoice.score).toBeCloseTo(right / 100, 12);
      expect(thresholdChoice.score!).toBeGreaterThanOrEqual(thresholdChoice.scoreWithout!);
      expect(fallback).toBeDefined();
    }
  });

  it('gives each labelling function its own where one for all does not do', async () => {
    const [train, gold, fresh] = [circle(400, 5), circle(150, 6), circle(300, 7)];
    const epoxy = await Epoxy.fit({ ...train, gold, extension: 'votes', model: { method: 'majority' } });
    const { thresholdChoice, thresholds } = epoxy.report();
    expect(thresholdChoice.each).toBe(true);
    expect(thresholdChoice.crossValidated!.each).toBeGreaterThan(thresholdChoice.crossValidated!.one);
    // The poles reach far, the third labelling function hardly.
    expect(Math.max(thresholds[0]!, thresholds[1]!)).toBeLessThan(thresholds[2]!);
    const { judge } = await judgeOf(train, gold, 1, 'cosine');
    const { best } = await searchOne(judge);
    const score = async (candidate: ArrayLike<number>) => {
      const extended = extendVotes({ ...fresh, support: train, thresholds: candidate }).votes;
      const labels = LabelModel.fit(train.votes, { method: 'majority' }).predict(extended);
      return labels.filter((label, row) => label === fresh.labels[row]).length;
    };
    expect(await score(thresholds)).toBeGreaterThan(await score(best.thresholds));
  });

  it('takes the least extension that reaches the best score', async () => {
    // Extension changes nothing that gold could see: all rows vote.
    const n = 40;
    const votes: VoteMatrix = { data: new Int8Array(n).fill(1), shape: [n, 1] };
    const train = { votes, embeddings: randomFloats(n, 3, 8) };
    const gold = { ...train, labels: new Int8Array(n).fill(1) };
    const { thresholds } = (await Epoxy.fit({ ...train, gold, extension: 'votes' })).report();
    expect(thresholds).toEqual([Number.POSITIVE_INFINITY]);
  });

  it('never puts a candidate on a score', async () => {
    const [train, gold] = [circle(200, 9), circle(50, 10)];
    const { judge } = await judgeOf(train, gold, 1, 'cosine');
    const scores = new Set(judge.reach.scores);
    for (const threshold of candidateThresholds(judge.reach)) expect(scores.has(threshold)).toBe(false);
  });
});

describe('thresholds without gold', () => {
  it.each([1, 5])('k = %i: never score less than no extension on the rows that judge', async (k) => {
    for (let seed = 11; seed < 16; seed++) {
      const { thresholdChoice } = (await Epoxy.fit({ ...circle(150, seed), extension: 'votes', k })).report();
      expect(thresholdChoice.source).toBe('pseudo-gold');
      expect(thresholdChoice.score!).toBeGreaterThanOrEqual(thresholdChoice.scoreWithout!);
    }
  });

  it('extends nothing where near rows disagree as often as not', async () => {
    const n = 200;
    const next = generator(16);
    const votes: VoteMatrix = {
      data: Int8Array.from({ length: 2 * n }, () => (next() < 0.5 ? 0 : next() < 0.5 ? 1 : -1)),
      shape: [n, 2],
    };
    const { thresholdChoice } = (
      await Epoxy.fit({ votes, embeddings: randomFloats(n, 5, 17), extension: 'votes' })
    ).report();
    expect(thresholdChoice.scoreWithout).toBeCloseTo(0.5, 12);
    expect(thresholdChoice.score!).toBeLessThan(0.65);
  });

  it('copes with no rows, no votes and one class', async () => {
    const none: VoteMatrix = { data: new Int8Array(0), shape: [0, 2] };
    const empty = { data: new Float32Array(0), shape: [0, 2] as const };
    expect((await Epoxy.fit({ votes: none, embeddings: empty, extension: 'votes', k: 3 })).labels.length).toBe(0);
    const silent: VoteMatrix = { data: new Int8Array(20), shape: [10, 2] };
    const rows = { votes: silent, embeddings: randomFloats(10, 2, 18) };
    expect((await Epoxy.fit({ ...rows, extension: 'votes' })).labels).toEqual(new Int8Array(10));
    const gold = { rows: [0, 1], labels: [1, 0] };
    expect((await Epoxy.fit({ ...rows, gold, extension: 'votes', k: 2 })).report().fallback).toBe(1);
  });
});
