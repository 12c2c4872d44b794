// Four worker threads and the main thread compute the same things at once, in calls and in jobs; prints the digests.
import { createHash } from 'node:crypto';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { extendVotes, extendVotesAsync, pairwiseDistances, pairwiseDistancesAsync, topK, topKAsync } from 'nearvote';

const [rows, dims, lfs] = [600, 96, 6];
const embeddings = { data: new Float32Array(rows * dims), shape: [rows, dims] };
for (let i = 0; i < embeddings.data.length; i++) embeddings.data[i] = Math.sin(i * 1.7) + ((i * 31) % 17) / 17;
const votes = { data: new Int8Array(rows * lfs), shape: [rows, lfs] };
for (let i = 0; i < votes.data.length; i++) votes.data[i] = i % 7 === 0 ? 1 : i % 5 === 0 ? -1 : 0;

const digest = (...arrays) => arrays.reduce((hash, array) => hash.update(array), createHash('sha256')).digest('hex');
const extension = (r) => digest(r.votes.data, r.neighbors, r.scores);
const nearest = (r) => digest(r.indices, r.scores);

async function digests() {
  const input = { votes, embeddings, thresholds: 0.8 };
  const found = [];
  for (let repeat = 0; repeat < 5; repeat++) {
    const jobs = [
      extendVotesAsync(input).then(extension),
      topKAsync(embeddings, embeddings, { k: 5 }).then(nearest),
      pairwiseDistancesAsync(embeddings, embeddings).then((r) => digest(r.data)),
    ];
    const calls = [
      extension(extendVotes(input)),
      nearest(topK(embeddings, embeddings, { k: 5 })),
      digest(pairwiseDistances(embeddings, embeddings).data),
    ];
    found.push(calls.join(' '), (await Promise.all(jobs)).join(' '));
  }
  return found;
}

if (isMainThread) {
  const workers = Array.from({ length: 4 }, () => {
    const worker = new Worker(new URL(import.meta.url));
    return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  });
  const all = [await digests(), ...(await Promise.all(workers))];
  process.stdout.write(JSON.stringify(all));
} else {
  parentPort.postMessage(await digests());
}
