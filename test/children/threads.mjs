// Threads of this process around jobs, and libuv's pool (of one thread, see UV_THREADPOOL_SIZE) while a job runs.
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { devices, topKAsync } from 'nearvote';
import { longJob } from './long-job.mjs';

const count = () => readdirSync('/proc/self/task').length;
await readFile(process.argv[1]);
const matrix = { data: Float32Array.from({ length: 300 * 64 }, (_, i) => Math.sin(i)), shape: [300, 64] };
const before = count();
await Promise.all(Array.from({ length: 100 }, () => topKAsync(matrix, matrix, { k: 5 })));
const afterJobs = count();

const ended = [];
const job = longJob(1500)().then(() => ended.push('job'));
for (let i = 0; i < 10; i++) await readFile(process.argv[1]);
ended.push('files');
await job;
const { threads } = devices()[0];
process.stdout.write(JSON.stringify({ started: afterJobs - before, threads, ended }));
