// What must hold for any input (fast-check looks for one where it does not).
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ExtendVotesInput,
  extendVotes,
  extendVotesAsync,
  type FloatResult,
  type Metric,
  NearestVoters,
  pairwiseDistances,
  pairwiseDistancesAsync,
  pairwiseSimilarities,
  topK,
  topKAsync,
  type VotedRows,
  type VoteMatrix,
} from '../lib/index.js';
import { bits } from './helpers/bits.js';
import * as byDefinition from './helpers/brute-force.js';
import { generator, randomFloats, randomIntegers, randomVotes } from './helpers/matrices.js';

type Rows = { votes: VoteMatrix; embeddings: FloatResult };

const metrics = fc.constantFrom<Metric>('cosine', 'dot', 'l2');
const size = { rows: fc.integer({ min: 1, max: 40 }), cols: fc.integer({ min: 1, max: 40 }) };
const seeds = fc.integer({ min: 0, max: 2 ** 31 });

/** A whole extension: whole-number embeddings (with ties and zero rows) or real ones. */
const extensions = fc
  .record({ n: size.rows, p: size.rows, d: size.cols, m: fc.integer({ min: 1, max: 5 }), seed: seeds })
  .chain(({ n, p, d, m, seed }) =>
    fc
      .record({ metric: metrics, whole: fc.boolean(), coverage: fc.double({ min: 0, max: 1, noNaN: true }) })
      .map((pick) => {
        const matrix = (rows: number, s: number) =>
          pick.whole ? randomIntegers(rows, d, 1, s) : randomFloats(rows, d, s);
        const part = (rows: number, s: number): Rows => ({
          votes: randomVotes(rows, m, pick.coverage, s),
          embeddings: matrix(rows, s + 1),
        });
        const next = generator(seed);
        const thresholds = Array.from({ length: m }, () => (pick.metric === 'l2' ? 3 * next() : 2 * next() - 1));
        return { queries: part(n, seed), support: part(p, seed + 7), thresholds, metric: pick.metric };
      }),
  );

const inputOf = (given: {
  queries: Rows;
  support: VotedRows;
  thresholds: number[];
  metric: Metric;
}): ExtendVotesInput => ({
  ...given.queries,
  support: given.support,
  thresholds: given.thresholds,
  metric: given.metric,
});

/** The rows at these places, in this order. */
function take<T extends Float32Array | Int8Array>(
  matrix: { data: T; shape: readonly [number, number] },
  places: readonly number[],
): { data: T; shape: readonly [number, number] } {
  const cols = matrix.shape[1];
  const data = matrix.data.slice(0, 0).constructor as new (length: number) => T;
  const taken = new data(places.length * cols);
  for (const [to, from] of places.entries()) taken.set(matrix.data.subarray(from * cols, (from + 1) * cols), to * cols);
  return { data: taken, shape: [places.length, cols] };
}
const takeRows = (rows: Rows, places: readonly number[]): Rows => ({
  votes: take(rows.votes, places),
  embeddings: take(rows.embeddings, places),
});

/** 0..length-1 in an order made of `seed`. */
function shuffled(length: number, seed: number): number[] {
  const next = generator(seed);
  return Array.from({ length }, (_, i) => ({ i, at: next() }))
    .sort((x, y) => x.at - y.at)
    .map(({ i }) => i);
}

describe('extension', () => {
  it('is what its definition says', () => {
    fc.assert(
      fc.property(extensions, (given) => {
        expect(extendVotes(inputOf(given))).toEqual(
          byDefinition.extend(given.metric, given.queries, given.support, given.thresholds),
        );
      }),
    );
  });

  it('of permuted queries is the permuted extension', () => {
    fc.assert(
      fc.property(extensions, seeds, (given, seed) => {
        const order = shuffled(given.queries.votes.shape[0], seed);
        const { votes } = extendVotes(inputOf(given));
        const permuted = extendVotes(inputOf({ ...given, queries: takeRows(given.queries, order) }));
        expect(permuted.votes).toEqual(take(votes, order));
      }),
    );
  });

  it('does not depend on the order of the support, nor on rows that stand in it twice', () => {
    fc.assert(
      fc.property(extensions, seeds, (given, seed) => {
        const p = given.support.votes.shape[0];
        const order = shuffled(p, seed);
        const { votes } = extendVotes(inputOf(given));
        for (const places of [order, [...order, ...order.slice(0, 1 + (seed % p))]]) {
          const support = takeRows(given.support, places);
          expect(extendVotes(inputOf({ ...given, support })).votes).toEqual(votes);
        }
      }),
    );
  });

  it('through a threshold that nothing can pass changes nothing', () => {
    fc.assert(
      fc.property(extensions, (given) => {
        const thresholds = given.metric === 'l2' ? 0 : Infinity;
        const { votes, neighbors } = extendVotes({ ...inputOf(given), thresholds });
        expect(votes).toEqual(given.queries.votes);
        expect(neighbors.every((neighbor) => neighbor < 0)).toBe(true);
      }),
    );
  });

  it('keeps direct votes, names voters that voted so, and grows as the threshold loosens', () => {
    fc.assert(
      fc.property(extensions, (given) => {
        const { votes, neighbors } = extendVotes(inputOf(given));
        const loose = extendVotes({ ...inputOf(given), thresholds: given.metric === 'l2' ? Infinity : -Infinity });
        const m = votes.shape[1];
        for (const [cell, vote] of votes.data.entries()) {
          const neighbor = neighbors[cell] as number;
          const direct = given.queries.votes.data[cell];
          if (neighbor >= 0) expect(given.support.votes.data[neighbor * m + (cell % m)]).toBe(vote);
          else expect([vote, neighbor]).toEqual([direct, direct === 0 ? -2 : -1]);
          if (vote !== 0) expect(loose.votes.data[cell]).toBe(vote);
        }
      }),
    );
  });

  it('has the same bits for 1, 2 and 3 threads, as a job, through NearestVoters', async () => {
    await fc.assert(
      fc.asyncProperty(extensions, async (given) => {
        const input = inputOf(given);
        const expected = extendVotes({ ...input, threads: 1 });
        for (const threads of [2, 3]) expect(extendVotes({ ...input, threads })).toEqual(expected);
        expect(await extendVotesAsync(input)).toEqual(expected);
        const voters = new NearestVoters(input);
        expect(voters.extendWithNeighbors(given.thresholds)).toEqual(expected);
        expect(await voters.extendAsync(given.thresholds)).toEqual(expected.votes);
      }),
    );
  });
});

describe('top-k', () => {
  const searches = fc.record({ n: size.rows, p: size.rows, d: size.cols, k: size.rows, metric: metrics, seed: seeds });

  it('of whole numbers is brute force', () => {
    fc.assert(
      fc.property(searches, ({ n, p, d, k, metric, seed }) => {
        const [queries, support] = [randomIntegers(n, d, 2, seed), randomIntegers(p, d, 2, seed + 1)];
        expect(topK(queries, support, { k, metric })).toEqual(byDefinition.topK(metric, queries, support, k));
      }),
    );
  });

  it('has the same bits for 1, 2 and 3 threads and as a job, and starts with the top of any smaller k', async () => {
    await fc.assert(
      fc.asyncProperty(searches, async ({ n, p, d, k, metric, seed }) => {
        const [queries, support] = [randomFloats(n, d, seed), randomFloats(p, d, seed + 1)];
        const expected = topK(queries, support, { k, metric, threads: 1 });
        for (const threads of [2, 3]) expect(topK(queries, support, { k, metric, threads })).toEqual(expected);
        expect(await topKAsync(queries, support, { k, metric })).toEqual(expected);
        const nearest = topK(queries, support, { k: 1, metric });
        const width = expected.shape[1];
        expect([...nearest.indices]).toEqual([...expected.indices].filter((_, cell) => cell % width === 0));
      }),
    );
  });
});

it('matrices have the same bits for 1, 2 and 3 threads and as a job', async () => {
  const cases = fc.record({ n: size.rows, p: size.rows, d: size.cols, precise: fc.boolean(), seed: seeds });
  await fc.assert(
    fc.asyncProperty(cases, fc.constantFrom('cosine', 'l2'), async ({ n, p, d, precise, seed }, metric) => {
      const [a, b] = [randomFloats(n, d, seed), randomFloats(p, d, seed + 1)];
      const options = { metric, precise } as const;
      const expected = pairwiseDistances(a, b, { ...options, threads: 1 });
      for (const threads of [2, 3]) expect(pairwiseDistances(a, b, { ...options, threads })).toEqual(expected);
      expect(await pairwiseDistancesAsync(a, b, options)).toEqual(expected);
    }),
  );
});

it('work large enough for several threads has the same bits for any number of them', () => {
  const votes = randomVotes(1500, 6, 0.2, 1);
  const embeddings = randomFloats(1500, 200, 2);
  for (const metric of ['cosine', 'dot', 'l2'] as const) {
    const thresholds = metric === 'l2' ? 8 : 0.1;
    const all = (threads: number) => [
      bits(extendVotes({ votes, embeddings, metric, thresholds, threads })),
      bits(topK(embeddings, embeddings, { k: 9, metric, threads })),
      bits(
        metric === 'l2'
          ? pairwiseDistances(embeddings, embeddings, { metric, threads })
          : pairwiseSimilarities(embeddings, embeddings, { metric, threads }),
      ),
    ];
    expect([all(2), all(3)]).toEqual([all(1), all(1)]);
  }
});
