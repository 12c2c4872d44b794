// Terminates workers while jobs of theirs settle all the time, well and badly: some end between a job and its promise.
import { setTimeout } from 'node:timers/promises';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

if (isMainThread) {
  // The addon is loaded in the workers alone: it comes and goes with each of them.
  for (let i = 0; i < 30; i++) {
    const worker = new Worker(new URL(import.meta.url));
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await setTimeout(i % 12);
    await worker.terminate();
  }
  const { topKAsync } = await import('nearvote');
  const { indices } = await topKAsync(
    { data: Float32Array.of(1), shape: [1, 1] },
    { data: Float32Array.of(-1, 1), shape: [2, 1] },
    { k: 1 },
  );
  process.stdout.write(JSON.stringify([...indices]));
} else {
  const { EmbeddingSet, NearestVoters, topK, topKAsync } = await import('nearvote');
  const embeddings = { data: Float32Array.from({ length: 640 }, (_, i) => Math.sin(i)), shape: [80, 8] };
  const votes = { data: Int8Array.from({ length: 160 }, (_, i) => (i % 3) - 1), shape: [80, 2] };
  const bad = { data: new Float32Array(8).fill(Number.NaN), shape: [1, 8] };
  parentPort.postMessage('ready');
  const forever = async () => {
    for (;;) {
      await topKAsync(embeddings, embeddings, { k: 2 });
      await EmbeddingSet.create(embeddings);
      await NearestVoters.create({ votes, embeddings });
      await topKAsync(bad, embeddings, { k: 2 }).catch(() => {});
      topK(embeddings, new EmbeddingSet(embeddings), { k: 2 });
    }
  };
  for (let i = 0; i < 8; i++) forever();
}
