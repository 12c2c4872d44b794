// The event loop's delay while jobs of every kind run one after another, and before, when nothing runs: what other
// programs on the machine cause.
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { EmbeddingSet, extendVotesAsync, NearestVoters, topKAsync } from 'nearvote';
import { longJob } from './long-job.mjs';

const [rows, dims, lfs] = [6000, 256, 10];
const embeddings = { data: new Float32Array(rows * dims), shape: [rows, dims] };
for (let i = 0; i < embeddings.data.length; i++) embeddings.data[i] = ((i * 7919) % 1009) / 1009 - 0.5;
const votes = { data: new Int8Array(rows * lfs), shape: [rows, lfs] };
for (let i = 0; i < votes.data.length; i++) votes.data[i] = i % 7 === 0 ? 1 : i % 11 === 0 ? -1 : 0;
const start = longJob(3000);

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
await new Promise((resolve) => setTimeout(resolve, 1000));
const idle = delay.percentile(99) / 1e6;
delay.reset();
const before = performance.now();
await Promise.all([
  start(),
  topKAsync(embeddings, embeddings, { k: 10 }),
  extendVotesAsync({ votes, embeddings, thresholds: 0.9 }),
  EmbeddingSet.create(embeddings),
  NearestVoters.create({ votes, embeddings }),
]);
delay.disable();
process.stdout.write(JSON.stringify({ ms: performance.now() - before, idle, p99: delay.percentile(99) / 1e6 }));
