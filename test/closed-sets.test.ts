// Sets of another metric and sets that were closed, in every call that takes one.
import { describe, expect, it } from 'vitest';
import {
  EmbeddingSet,
  NearestVoters,
  pairwiseDistances,
  pairwiseDistancesAsync,
  topK,
  topKAsync,
} from '../lib/index.js';
import { a, b, good, refuses, wrong } from './helpers/wrong-arguments.js';

describe('EmbeddingSet', () => {
  refuses(
    'of another metric than the call',
    "Expected an EmbeddingSet with metric 'l2' for a but received one with metric 'cosine'",
    () => pairwiseDistances(new EmbeddingSet(a), b, { metric: 'l2' }),
    () => pairwiseDistancesAsync(new EmbeddingSet(a), b, { metric: 'l2' }),
  );
  it('made of a set', () => {
    const message = 'Expected a matrix for embeddings but received an instance of EmbeddingSet';
    expect(() => new EmbeddingSet(wrong(new EmbeddingSet(a)))).toThrow(message);
  });

  const closed = new EmbeddingSet(a);
  closed.close();
  refuses(
    'closed, as an operand',
    'Expected an open EmbeddingSet for queries but received one that is closed',
    () => topK(closed, b, { k: 1 }),
    () => topKAsync(closed, b, { k: 1 }),
  );
  it('closed: bytes is refused, closing again is fine', () => {
    expect(() => closed.bytes).toThrow('Expected an open EmbeddingSet');
    closed.close();
  });
  it('closed by the end of a using block', () => {
    const set = new EmbeddingSet(a);
    set[Symbol.dispose]();
    expect(() => set.bytes).toThrow('Expected an open EmbeddingSet');
  });
  it('closed NearestVoters', () => {
    const voters = new NearestVoters(good);
    voters.close();
    voters.close();
    for (const use of [() => voters.extend(1), () => voters.nearest(0), () => voters.extendWithNeighbors(1)])
      expect(use).toThrow('Expected an open NearestVoters for this call but received one that is closed');
  });
});
