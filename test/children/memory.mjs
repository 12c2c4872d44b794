// Resident memory around many calls; run with --expose-gc. Prints megabytes.
import { setImmediate } from 'node:timers/promises';
import { EmbeddingSet, extendVotes, extendVotesAsync, NearestVoters, topK, topKAsync } from 'nearvote';

const embeddings = { data: Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)), shape: [8, 8] };
const votes = { data: Int8Array.from({ length: 24 }, (_, i) => (i % 3) - 1), shape: [8, 3] };
const big = { data: new Float32Array(256 * 1024).fill(1), shape: [1024, 256] };

const kinds = {
  calls: () => {
    topK(embeddings, embeddings, { k: 3 });
    extendVotes({ votes, embeddings, thresholds: 0.5 });
  },
  jobs: async () => {
    await topKAsync(embeddings, embeddings, { k: 3 });
    await extendVotesAsync({ votes, embeddings, thresholds: 0.5 });
  },
  refused: async () => {
    const aborted = AbortSignal.abort();
    await topKAsync(embeddings, embeddings, { k: 3, signal: aborted }).catch(() => {});
    await topKAsync(
      { data: Float32Array.of(Number.NaN), shape: [1, 1] },
      { data: Float32Array.of(1), shape: [1, 1] },
      { k: 1 },
    ).catch(() => {});
  },
  // 1 MB each, never closed: the collector must learn of the memory behind the small objects.
  sets: async () => {
    new EmbeddingSet(big);
    await setImmediate();
  },
  createdSets: async () => void (await EmbeddingSet.create(big)),
  closedSets: () => new EmbeddingSet(big).close(),
  voters: async () => {
    new NearestVoters({ votes, embeddings });
    await setImmediate();
  },
};

async function settledMegabytes() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc();
    await setImmediate();
  }
  return process.memoryUsage.rss() / 2 ** 20;
}

const [kind, warmUp, count] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
for (let i = 0; i < warmUp; i++) await kinds[kind]();
const before = await settledMegabytes();
let highest = before;
for (let i = 0; i < count; i++) {
  await kinds[kind]();
  if (i % 100 === 0) highest = Math.max(highest, process.memoryUsage.rss() / 2 ** 20);
}
process.stdout.write(JSON.stringify({ before, highest, after: await settledMegabytes() }));
