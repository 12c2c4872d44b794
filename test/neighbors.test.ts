// Searches and matrices against their definitions, bit by bit, at the sizes where blocked kernels have edges.
import { describe, expect, it } from 'vitest';
import {
  EmbeddingSet,
  extendVotes,
  type FloatResult,
  type Metric,
  NearestVoters,
  pairwiseDistances,
  pairwiseSimilarities,
  topK,
} from '../lib/index.js';
import * as byDefinition from './helpers/brute-force.js';
import {
  floats,
  fromRows,
  generator,
  randomFloats,
  randomIntegers,
  randomVotes,
  votesFromRows,
} from './helpers/matrices.js';

const METRICS: Metric[] = ['cosine', 'dot', 'l2'];
// Around the widths of vectors, tiles and blocks: [queries, support, dimensions].
const SIZES: [number, number, number][] = [
  [1, 1, 1],
  [2, 3, 7],
  [5, 17, 8],
  [16, 16, 16],
  [17, 33, 31],
  [31, 65, 33],
  [64, 64, 64],
  [3, 257, 100],
  [130, 20, 129],
];

/** A few different rows, many times, in mixed order: most searches end in ties. */
function withTies(rows: number, cols: number, seed: number): FloatResult {
  const few = randomIntegers(3, cols, 3, seed);
  const next = generator(seed + 1);
  return fromRows(
    Array.from({ length: rows }, () => {
      const which = Math.floor(next() * 3);
      return [...few.data.subarray(which * cols, (which + 1) * cols)];
    }),
  );
}

describe.each(METRICS)('%s', (metric) => {
  it.each(SIZES)('top-k of %i x %i x %i', (n, p, d) => {
    const [queries, support] = [randomFloats(n, d, 1), randomFloats(p, d, 2)];
    for (const k of [1, 2, 5, 16, p])
      expect(topK(queries, support, { k, metric })).toEqual(byDefinition.topK(metric, queries, support, k));
  });

  it('top-k of whole numbers, full of ties', () => {
    for (const [n, p, d] of SIZES) {
      const [queries, support] = [randomIntegers(n, d, 2, 3), withTies(p, d, 4)];
      for (const k of [1, 3, p])
        expect(topK(queries, support, { k, metric })).toEqual(byDefinition.topK(metric, queries, support, k));
    }
  });

  it.each(SIZES)('extension of %i x %i x %i', (n, p, d) => {
    for (const [seed, classes] of [
      [5, undefined],
      [6, 4],
    ] as const) {
      const queries = { votes: randomVotes(n, 5, 0.3, seed, classes), embeddings: randomFloats(n, d, seed + 10) };
      const support = { votes: randomVotes(p, 5, 0.4, seed + 20, classes), embeddings: randomFloats(p, d, seed + 30) };
      const scores = byDefinition.allScores(metric, queries.embeddings, support.embeddings).sort();
      // Thresholds inside the range of the scores, one of them exactly a score.
      const thresholds = [0.3, 0.5, 0.7, 0.9, 1].map((q) => scores[Math.floor(q * (scores.length - 1))] as number);
      const expected = byDefinition.extend(metric, queries, support, thresholds);
      expect(extendVotes({ ...queries, support, thresholds, metric })).toEqual(expected);
      const voters = new NearestVoters({ ...queries, support, metric });
      expect(voters.extendWithNeighbors(thresholds)).toEqual(expected);
      expect(voters.extend(thresholds)).toEqual(expected.votes);
    }
  });

  it('extension where most nearest voters tie', () => {
    for (const [n, p, d] of SIZES) {
      const queries = { votes: randomVotes(n, 3, 0.1, 7), embeddings: withTies(n, d, 8) };
      const support = { votes: randomVotes(p, 3, 0.7, 9), embeddings: withTies(p, d, 8) };
      const thresholds = metric === 'l2' ? [100, 1, 0.1] : [-100, 0, 0.9];
      expect(extendVotes({ ...queries, support, thresholds, metric })).toEqual(
        byDefinition.extend(metric, queries, support, thresholds),
      );
    }
  });

  it('a self-join never copies a row to itself', () => {
    const rows = { votes: randomVotes(80, 4, 0.3, 10), embeddings: randomFloats(80, 19, 11) };
    const thresholds = metric === 'l2' ? [9, 9, 2, 1] : [-9, -9, 0, 0.4];
    expect(extendVotes({ ...rows, thresholds, metric })).toEqual(byDefinition.extend(metric, rows, rows, thresholds));
  });

  it('searches over more rows than one block', () => {
    const [queries, support] = [randomFloats(40, 12, 12), randomFloats(9000, 12, 13)];
    expect(topK(queries, support, { k: 20, metric })).toEqual(byDefinition.topK(metric, queries, support, 20));
    const many = { votes: randomVotes(9000, 2, 0.02, 14), embeddings: support };
    const few = { votes: randomVotes(40, 2, 0.1, 15), embeddings: queries };
    const thresholds = metric === 'l2' ? [1.5, 9] : [0.5, -9];
    expect(extendVotes({ ...few, support: many, thresholds, metric })).toEqual(
      byDefinition.extend(metric, few, many, thresholds),
    );
    const back = extendVotes({ ...many, support: few, thresholds, metric });
    expect(back).toEqual(byDefinition.extend(metric, many, few, thresholds));
  });

  it.each([
    ['tiny', 2 ** -140],
    ['huge', 2 ** 120],
  ])('searches among %s numbers', (_, scale) => {
    const scaled = (matrix: FloatResult) =>
      floats(
        ...matrix.shape,
        matrix.data.map((v) => v * scale),
      );
    const [queries, support] = [scaled(randomIntegers(20, 9, 50, 16)), scaled(randomIntegers(40, 9, 50, 17))];
    const { indices } = byDefinition.topK(metric, queries, support, 4);
    expect(topK(queries, support, { k: 4, metric }).indices).toEqual(indices);
  });

  it('searches among rows that nearly coincide', () => {
    const base = randomFloats(1, 64, 18).data;
    const next = generator(19);
    // Differences of some float32 steps: far below the error of any fast product.
    const near = (rows: number) =>
      fromRows(Array.from({ length: rows }, () => [...base].map((v) => v * (1 + Math.floor(next() * 5) * 2 ** -22))));
    const [queries, support] = [near(30), near(200)];
    expect(topK(queries, support, { k: 10, metric })).toEqual(byDefinition.topK(metric, queries, support, 10));
  });

  it('EmbeddingSets give the same bits as their matrices, whatever happens to the array later', () => {
    const [queries, support] = [randomFloats(33, 40, 20), randomFloats(50, 40, 21)];
    const array = support.data.slice();
    const set = new EmbeddingSet({ data: array, shape: support.shape }, { metric });
    array.fill(0);
    expect(set.shape).toEqual([50, 40]);
    expect(set.metric).toBe(metric);
    expect(set.bytes).toBeGreaterThanOrEqual(50 * 40 * 4);
    expect(topK(queries, set, { k: 3, metric })).toEqual(topK(queries, support, { k: 3, metric }));
    expect(topK(set, set, { k: 3, metric })).toEqual(topK(support, support, { k: 3, metric }));
    set.close();
  });
});

describe('matrices', () => {
  const cases = SIZES.map(([n, p, d]) => [randomFloats(n, d, 30), randomFloats(p, d, 31)] as const);

  it('precise: the canonical value, rounded once', () => {
    for (const [a, b] of cases) {
      const shape = [a.shape[0], b.shape[0]];
      const rounded = (metric: Metric, change = (v: number) => v) => ({
        data: Float32Array.from(byDefinition.allScores(metric, a, b), change),
        shape,
      });
      const precise = true;
      expect(pairwiseSimilarities(a, b, { precise })).toEqual(rounded('cosine'));
      expect(pairwiseSimilarities(a, b, { precise, metric: 'dot' })).toEqual(rounded('dot'));
      expect(pairwiseDistances(a, b, { precise })).toEqual(rounded('cosine', (v) => 1 - v));
      expect(pairwiseDistances(a, b, { precise, metric: 'l2' })).toEqual(rounded('l2'));
    }
  });

  it('similarities are within (d + 2) 2^-24 |a| |b|', () => {
    for (const [a, b] of cases) {
      for (const metric of ['cosine', 'dot'] as const) {
        const exact = byDefinition.allScores(metric, a, b);
        const norms = [a, b].map((m) =>
          metric === 'cosine'
            ? m.data.map(() => 1)
            : byDefinition.allScores('l2', m, floats(1, m.shape[1], m.data.slice(0, m.shape[1]).fill(0))),
        );
        const { data, shape } = pairwiseSimilarities(a, b, { metric });
        for (const [cell, value] of data.entries()) {
          const [x, y] = [norms[0]?.[Math.floor(cell / shape[1])] ?? 0, norms[1]?.[cell % shape[1]] ?? 0];
          // 1.0001: normalised rows are only about one long.
          expect(Math.abs(value - (exact[cell] as number))).toBeLessThanOrEqual(
            1.0001 * (a.shape[1] + 2) * 2 ** -24 * x * y,
          );
        }
      }
    }
  });

  it('l2 distances keep their digits near 0, and equal rows are exactly 0 apart', () => {
    const far = randomFloats(1, 48, 32).data.map((v) => 100 + v);
    const next = generator(33);
    const rows = fromRows(Array.from({ length: 40 }, (_, i) => [...far].map((v) => v + (i % 2) * 2 ** -8 * next())));
    const { data } = pairwiseDistances(rows, rows, { metric: 'l2' });
    const exact = byDefinition.allScores('l2', rows, rows);
    for (const [cell, value] of data.entries()) {
      const right = exact[cell] as number;
      if (right === 0) expect(value).toBe(0);
      else expect(Math.abs(value - right) / right).toBeLessThan(1e-4);
    }
  });

  it('the smallest cases by hand', () => {
    const a = fromRows([[3, 4]]);
    const b = fromRows([
      [3, 4],
      [-3, -4],
      [4, -3],
      [0, 0],
    ]);
    expect([...pairwiseSimilarities(a, b, { metric: 'dot' }).data]).toEqual([25, -25, 0, 0]);
    expect([...pairwiseDistances(a, b, { metric: 'l2' }).data]).toEqual([0, 10, Math.fround(Math.sqrt(50)), 5]);
    for (const [i, similarity] of [1, -1, 0, 0].entries()) {
      expect(pairwiseSimilarities(a, b).data[i]).toBeCloseTo(similarity, 6);
      expect(pairwiseDistances(a, b).data[i]).toBeCloseTo(1 - similarity, 6);
    }
  });
});

describe('extension by hand', () => {
  // On a line: -1 voters at 0 and 10, a +1 voter at 4; queries at 1, 2, 3.9 and 8.
  const support = { votes: votesFromRows([[-1], [-1], [1]]), embeddings: fromRows([[0], [10], [4]]) };
  const queries = { votes: votesFromRows([[0], [0], [0], [0]]), embeddings: fromRows([[1], [2], [3.5], [8]]) };

  it('the nearest voter decides, a tie abstains, the radius is strict', () => {
    const near = extendVotes({ ...queries, support, metric: 'l2', thresholds: 2 });
    expect([...near.votes.data]).toEqual([-1, 0, 1, 0]);
    expect([...near.neighbors]).toEqual([0, -2, 2, -2]);
    expect([...near.scores]).toEqual([1, Number.NaN, 0.5, Number.NaN]);
    const wide = extendVotes({ ...queries, support, metric: 'l2', thresholds: [2.5] });
    expect([...wide.votes.data]).toEqual([-1, 0, 1, -1]);
  });

  it('NearestVoters tells the nearest voter of either class', () => {
    const voters = new NearestVoters({ ...queries, support, metric: 'l2' });
    expect(voters.nearest(0)).toEqual({
      neighbors: Int32Array.of(0, 0, 0, 1),
      scores: Float64Array.of(1, 2, 3.5, 2),
    });
    expect(voters.nearest(1)).toEqual({
      neighbors: Int32Array.of(2, 2, 2, 2),
      scores: Float64Array.of(3, 2, 0.5, 4),
    });
  });

  it('three classes', () => {
    const votes = votesFromRows([[1], [2], [3]], 3);
    const embeddings = fromRows([[0], [10], [4]]);
    const blank = { votes: votesFromRows([[0], [0], [0]], 3), embeddings: fromRows([[1], [7], [6]]) };
    const extended = extendVotes({ ...blank, support: { votes, embeddings }, metric: 'l2', thresholds: Infinity });
    expect(extended.votes).toEqual(votesFromRows([[1], [0], [3]], 3));
  });
});
