// How soon does an aborted job on 100,000 rows stop?
import { setTimeout as pause } from 'node:timers/promises';
import { countVotesAsync, EmbeddingSet, extendVotesAsync, topKAsync } from '../dist/index.js';
import { clustered, votesOn } from './lib/data.mjs';
import { isa, threads } from './lib/machine.mjs';
import { report } from './lib/report.mjs';
import { median } from './lib/sample.mjs';

const { embeddings, cluster } = clustered({ n: 100_000, d: 768 });
const set = new EmbeddingSet(embeddings);
const votes = votesOn(cluster, { m: 50 });
const tiny = { data: new Int8Array(4), shape: [2, 2] };
const jobs = {
  extendVotes: (signal) => extendVotesAsync({ votes, embeddings: set, thresholds: 0.5, threads }, { signal }),
  'topK, k = 10': (signal) => topKAsync(set, set, { k: 10, threads, signal }),
};
for (const [name, start] of Object.entries(jobs)) {
  const times = [];
  for (let round = 0; round < 7; round++) {
    const controller = new AbortController();
    const job = start(controller.signal).then(
      () => 'finished',
      () => 'aborted',
    );
    await pause(150 + 37 * round);
    const aborted = performance.now();
    controller.abort();
    if ((await job) !== 'aborted') throw new Error(`${name} was done before it could be aborted`);
    await countVotesAsync(tiny); // jobs run one after the other: when this one is through, the kernel has let go
    times.push(performance.now() - aborted);
  }
  report({
    work: `abort ${name}, 100000 x 768 with itself, until the next job is done`,
    isa,
    threads,
    ms: median(times),
    range: [Math.min(...times), Math.max(...times)],
    atMost: 20,
  });
}
set.close();
