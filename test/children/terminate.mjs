// Terminates a worker in the middle of its job, with more of its jobs queued; prints how that went.
import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { devices, topK } from 'nearvote';
import { longJob } from './long-job.mjs';

if (isMainThread) {
  const started = () => {
    const worker = new Worker(new URL(import.meta.url));
    return new Promise((resolve, reject) => worker.once('message', () => resolve(worker)).once('error', reject));
  };
  const worker = await started();
  const before = performance.now();
  const exitCode = await worker.terminate();
  const ms = performance.now() - before;
  // What is left must work: calls here, and another worker.
  const small = { data: Float32Array.of(1, 2), shape: [2, 1] };
  const { indices } = topK(small, small, { k: 1, metric: 'dot' });
  await (await started()).terminate();
  // The compute thread may still be on its way back from the last one.
  while (devices()[0].pendingJobs > 0) await setImmediate();
  process.stdout.write(JSON.stringify({ ms, exitCode, indices: [...indices] }));
} else {
  const start = longJob(12_000);
  start({ onProgress: (fraction) => fraction > 0 && parentPort.postMessage('running') });
  for (let i = 0; i < 20; i++) start();
}
