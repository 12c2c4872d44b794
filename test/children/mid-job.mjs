// Starts a job of several seconds and then ends as its argument says; prints once the job runs.
import { longJob } from './long-job.mjs';

const start = longJob(12_000);
const job = start({
  onProgress: (fraction) => {
    if (fraction === 0 || fraction === 1) return;
    process.stdout.write('running\n');
    const ends = {
      exit: () => process.exit(7),
      throw: () => {
        throw new Error('on purpose');
      },
      kill: () => process.kill(process.pid, 'SIGTERM'),
    };
    ends[process.argv[2]]();
  },
});
// Queued behind it: these never start.
for (let i = 0; i < 20; i++) start();
await job;
