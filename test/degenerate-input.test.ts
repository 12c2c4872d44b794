// What looks wrong and is allowed: zero rows, no rows, no labelling functions.
import { describe, expect, it } from 'vitest';
import {
  EmbeddingSet,
  extendVotes,
  type FloatMatrix,
  pairwiseDistances,
  pairwiseDistancesAsync,
  pairwiseSimilarities,
  topK,
  topKAsync,
  type VoteMatrix,
} from '../lib/index.js';
import { fromRows, randomFloats, votesFromRows } from './helpers/matrices.js';
import { a, b, good, refuses, votes } from './helpers/wrong-arguments.js';

describe('zero rows under cosine', () => {
  const withZero = fromRows([
    [0, 0],
    [1, 1],
    [2, 0],
  ]);

  it('score 0 in matrices and top-k', () => {
    expect([...pairwiseSimilarities(withZero, b).data.subarray(0, 2)]).toEqual([0, 0]);
    expect([...pairwiseDistances(withZero, b).data.subarray(0, 2)]).toEqual([1, 1]);
    const { indices, scores } = topK(fromRows([[-1, 0]]), withZero, { k: 3 });
    expect([...indices]).toEqual([0, 1, 2]);
    expect(scores[0]).toBe(0);
  });

  it('neither give nor receive votes', () => {
    const direct = votesFromRows([
      [1, 0],
      [0, 0],
      [0, -1],
    ]);
    const { votes: extended, neighbors } = extendVotes({ votes: direct, embeddings: withZero, thresholds: -2 });
    expect([...extended.data]).toEqual([1, 0, 0, -1, 0, -1]);
    expect([...neighbors]).toEqual([-1, -2, -2, 2, -2, -1]);
  });

  it('are ordinary points under l2 and dot', () => {
    const direct = votesFromRows([[1], [0], [0]]);
    for (const [metric, thresholds] of [
      ['l2', 100],
      ['dot', -1],
    ] as const) {
      const { votes: extended } = extendVotes({ votes: direct, embeddings: withZero, thresholds, metric });
      expect([...extended.data]).toEqual([1, 1, 1]);
    }
  });
});

describe('empty things', () => {
  const none: FloatMatrix = { data: new Float32Array(0), shape: [0, 2] };
  const noVotes: VoteMatrix = { data: new Int8Array(0), shape: [0, 2] };

  it('no rows give empty results', async () => {
    expect(pairwiseDistances(none, b)).toEqual({ data: new Float32Array(0), shape: [0, 2] });
    expect(await pairwiseDistancesAsync(a, none)).toEqual({ data: new Float32Array(0), shape: [3, 0] });
    expect(topK(none, b, { k: 2 }).shape).toEqual([0, 2]);
    expect(extendVotes({ votes: noVotes, embeddings: none, thresholds: 0 }).votes).toEqual(noVotes);
    expect(new EmbeddingSet(none).shape).toEqual([0, 2]);
  });
  refuses(
    'top-k of no support rows',
    'Expected at least one row for support but received 0',
    () => topK(a, none, { k: 1 }),
    () => topKAsync(a, none, { k: 1 }),
  );
  it('no support rows extend nothing', () => {
    const extended = extendVotes({ ...good, support: { votes: noVotes, embeddings: none } });
    expect(extended.votes).toEqual(votes);
    expect([...extended.neighbors]).toEqual([-1, -2, -2, -1, -2, -2]);
  });
  it('no labelling functions', () => {
    const empty: VoteMatrix = { data: new Int8Array(0), shape: [3, 0] };
    expect(extendVotes({ votes: empty, embeddings: a, thresholds: [] }).votes).toEqual(empty);
  });
  it('one labelling function, and one without votes', () => {
    const embeddings = randomFloats(4, 3, 1);
    const extended = extendVotes({ votes: votesFromRows([[1], [0], [0], [0]]), embeddings, thresholds: -2 });
    expect([...extended.votes.data]).toEqual([1, 1, 1, 1]);
    const silent = extendVotes({ votes: votesFromRows([[0], [0], [0], [0]]), embeddings, thresholds: -2 });
    expect([...silent.votes.data, ...silent.neighbors]).toEqual([0, 0, 0, 0, -2, -2, -2, -2]);
  });
});
