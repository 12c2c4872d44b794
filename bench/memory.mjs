// How much memory does extension of 100,000 rows take above its inputs? A dense matrix would need 40 GB.
import { readFileSync, writeFileSync } from 'node:fs';
import { extendVotes } from '../dist/index.js';
import { clustered, votesOn } from './lib/data.mjs';
import { isa, threads } from './lib/machine.mjs';
import { report } from './lib/report.mjs';

const [n, d, m] = [100_000, 768, 50];

const resident = (field) =>
  Number(readFileSync('/proc/self/status', 'utf8').match(new RegExp(`${field}:\\s+(\\d+)`))[1]) / 1024;

const { embeddings, cluster } = clustered({ n, d });
const votes = votesOn(cluster, { m });
globalThis.gc?.();
writeFileSync('/proc/self/clear_refs', '5'); // the peak starts anew
const before = resident('VmRSS');
extendVotes({ votes, embeddings, thresholds: 0.5, threads });
const value = Math.round(resident('VmHWM') - before);
const results = Math.round((n * m * 9) / 2 ** 20);
report({
  work: `extension, n = ${n}, d = ${d}, m = ${m}: peak memory above inputs`,
  isa,
  threads,
  value,
  unit: 'MiB',
  atMost: 286, // 300 MB
  agreement: `${results} MiB of it are the results`,
});
