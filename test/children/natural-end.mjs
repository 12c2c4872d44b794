// Starts a job, waits for nothing and reaches the end of its script.
import { topKAsync } from 'nearvote';
import { longJob } from './long-job.mjs';

const small = { data: Float32Array.of(1, 2), shape: [2, 1] };
await topKAsync(small, small, { k: 1 });
process.stdout.write('first ');
longJob(500)().then(() => process.stdout.write('done'));
process.stdout.write('end of script ');
