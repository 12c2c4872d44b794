// Async calls from inside the process: the same bits as calls, aborting, progress, copies, closing, many at once.
import { describe, expect, it, vi } from 'vitest';
import {
  devices,
  EmbeddingSet,
  extendVotes,
  extendVotesAsync,
  type FloatResult,
  NearestVoters,
  pairwiseDistances,
  pairwiseDistancesAsync,
  pairwiseSimilarities,
  pairwiseSimilaritiesAsync,
  topK,
  topKAsync,
} from '../../lib/index.js';
import { bits } from '../helpers/bits.js';
import { randomFloats, randomVotes } from '../helpers/matrices.js';

const queries = randomFloats(90, 33, 1);
const support = randomFloats(70, 33, 2);
const input = {
  votes: randomVotes(90, 4, 0.2, 3),
  embeddings: queries,
  support: { votes: randomVotes(70, 4, 0.5, 4), embeddings: support },
};
/** Some seconds of work, to be interrupted. */
const long = randomFloats(6000, 512, 5);
const startLong = (options: { signal?: AbortSignal; onProgress?: (fraction: number) => void } = {}) =>
  pairwiseDistancesAsync(long, long, { metric: 'l2', precise: true, ...options });
/** How a job ends, without its (large) result. */
const ending = (job: Promise<unknown>): Promise<unknown> =>
  job.then(
    () => 'finished',
    (error: unknown) => error,
  );
const copyOf = ({ data, shape }: FloatResult) => ({ data: data.slice(), shape });

describe('jobs give the bits of calls', () => {
  it('pairwise', async () => {
    for (const metric of ['cosine', 'l2'] as const)
      expect(await pairwiseDistancesAsync(queries, support, { metric })).toEqual(
        pairwiseDistances(queries, support, { metric }),
      );
    for (const metric of ['cosine', 'dot'] as const)
      expect(await pairwiseSimilaritiesAsync(queries, support, { metric })).toEqual(
        pairwiseSimilarities(queries, support, { metric }),
      );
  });
  it('topK', async () => {
    for (const metric of ['cosine', 'dot', 'l2'] as const)
      expect(await topKAsync(queries, support, { k: 7, metric })).toEqual(topK(queries, support, { k: 7, metric }));
  });
  it('extension, EmbeddingSet and NearestVoters', async () => {
    const set = await EmbeddingSet.create(queries);
    const voters = await NearestVoters.create({ ...input, embeddings: set });
    const called = extendVotes({ ...input, thresholds: 0.2 });
    expect(await extendVotesAsync({ ...input, thresholds: 0.2 })).toEqual(called);
    expect(voters.extendWithNeighbors(0.2)).toEqual(called);
    expect(await voters.extendAsync(0.2)).toEqual(called.votes);
    expect(set.bytes).toBe(new EmbeddingSet(queries).bytes);
  });
  it('hundreds at once, each its own', async () => {
    const ks = Array.from({ length: 300 }, (_, i) => 1 + (i % 20));
    const found = await Promise.all(ks.map((k) => topKAsync(queries, support, { k })));
    const expected = Array.from({ length: 20 }, (_, i) => bits(topK(queries, support, { k: i + 1 })));
    for (const [i, k] of ks.entries()) expect(bits(found[i] ?? {})).toBe(expected[k - 1]);
  });
});

const reason = new Error('changed my mind');

describe('aborting', () => {
  it('before: nothing is started', async () => {
    const pending = devices()[0].pendingJobs;
    expect(await ending(startLong({ signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(devices()[0].pendingJobs).toBeLessThanOrEqual(pending);
  });

  it('during: rejects with the reason and frees the thread for the next job', async () => {
    const controller = new AbortController();
    let reached = 0;
    const job = startLong({
      signal: controller.signal,
      onProgress: (fraction) => {
        reached = fraction;
        if (fraction > 0) controller.abort(reason);
      },
    });
    expect(await ending(job)).toBe(reason);
    expect(reached).toBeLessThan(1);
    expect(await topKAsync(queries, support, { k: 1 })).toEqual(topK(queries, support, { k: 1 }));
  });

  it('while queued: rejects at once, not when the job before it is done', async () => {
    const first = new AbortController();
    const before = startLong({ signal: first.signal });
    let beforeEnded = false;
    before
      .catch(() => {})
      .finally(() => {
        beforeEnded = true;
      });
    const second = new AbortController();
    const queued = topKAsync(queries, support, { k: 1, signal: second.signal });
    const behind = topKAsync(queries, support, { k: 2 });
    second.abort(reason);
    expect(await ending(queued)).toBe(reason);
    expect(beforeEnded).toBe(false);
    first.abort(reason);
    expect(await ending(before)).toBe(reason);
    expect(await behind).toEqual(topK(queries, support, { k: 2 }));
  });

  it('after: changes nothing, and leaves no listener', async () => {
    const controller = new AbortController();
    const removed = vi.spyOn(controller.signal, 'removeEventListener');
    const result = await topKAsync(queries, support, { k: 1, signal: controller.signal });
    controller.abort(reason);
    expect(result).toEqual(topK(queries, support, { k: 1 }));
    expect(removed).toHaveBeenCalledOnce();
  });

  it('by AbortSignal.timeout', async () => {
    expect(await ending(startLong({ signal: AbortSignal.timeout(30) }))).toMatchObject({ name: 'TimeoutError' });
  });

  it('a half-made EmbeddingSet or NearestVoters', async () => {
    const signal = AbortSignal.abort(reason);
    await expect(EmbeddingSet.create(long, { signal })).rejects.toBe(reason);
    await expect(NearestVoters.create(input, { signal })).rejects.toBe(reason);
  });
});

describe('during a job', () => {
  it('progress goes from 0 to 1 and never back', async () => {
    const seen: number[] = [];
    await pairwiseDistancesAsync(long, support.shape[1] === 512 ? support : randomFloats(500, 512, 6), {
      metric: 'l2',
      precise: true,
      onProgress: (fraction) => seen.push(fraction),
    });
    expect(seen.at(-1)).toBe(1);
    expect([...seen].sort((x, y) => x - y)).toEqual(seen);
    expect(seen.every((fraction) => fraction >= 0 && fraction <= 1)).toBe(true);
  });

  it('an exception in onProgress stops it and is what it rejects with', async () => {
    let calls = 0;
    const onProgress = () => {
      calls++;
      throw reason;
    };
    expect(await ending(startLong({ onProgress }))).toBe(reason);
    expect(calls).toBe(1);
    expect(await topKAsync(queries, support, { k: 1 })).toEqual(topK(queries, support, { k: 1 }));
  });

  it('copy lets the caller overwrite what it gave', async () => {
    const given = {
      embeddings: copyOf(queries),
      votes: { data: input.votes.data.slice(), shape: input.votes.shape },
      support: {
        embeddings: copyOf(support),
        votes: { data: input.support.votes.data.slice(), shape: input.support.votes.shape },
      },
    };
    const options = { copy: true };
    const jobs = [
      pairwiseDistancesAsync(given.embeddings, given.support.embeddings, options),
      pairwiseSimilaritiesAsync(given.embeddings, given.support.embeddings, options),
      topKAsync(given.embeddings, given.support.embeddings, { k: 3, ...options }),
      extendVotesAsync({ ...given, thresholds: 0.2 }, options),
      NearestVoters.create(given, options).then((voters) => voters.extend(0.2)),
      EmbeddingSet.create(given.embeddings, options).then((set) => topK(set, set, { k: 2 })),
    ];
    for (const part of [given, given.support]) {
      part.embeddings.data.fill(Number.NaN);
      part.votes.data.fill(99);
    }
    expect(await Promise.all(jobs)).toEqual([
      pairwiseDistances(queries, support),
      pairwiseSimilarities(queries, support),
      topK(queries, support, { k: 3 }),
      extendVotes({ ...input, thresholds: 0.2 }),
      extendVotes({ ...input, thresholds: 0.2 }).votes,
      topK(queries, queries, { k: 2 }),
    ]);
  });

  it('a set it uses may be closed: the job finishes, later calls are refused', async () => {
    const set = new EmbeddingSet(support);
    const job = topKAsync(queries, set, { k: 3 });
    set.close();
    expect(await job).toEqual(topK(queries, support, { k: 3 }));
    await expect(topKAsync(queries, set, { k: 3 })).rejects.toThrow('Expected an open EmbeddingSet for support');
  });

  it('calls on the main thread give the same bits', async () => {
    const controller = new AbortController();
    const expected = topK(queries, support, { k: 5 });
    const job = startLong({ signal: controller.signal });
    for (let i = 0; i < 20; i++) expect(topK(queries, support, { k: 5 })).toEqual(expected);
    controller.abort();
    expect(await ending(job)).toMatchObject({ name: 'AbortError' });
  });
});

describe('errors of jobs', () => {
  it('keep the stack of the caller', async () => {
    async function theCaller() {
      await topKAsync({ data: Float32Array.of(Number.NaN), shape: [1, 1] }, support, { k: 1 });
    }
    await expect(theCaller()).rejects.toThrow('Expected');
    await theCaller().catch((error: Error) => expect(error.stack).toContain('theCaller'));
  });
});
