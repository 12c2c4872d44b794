// Does the time of extension grow as n^2 d, and not with the number of LFs? How near is it to the bare tile product?
import { EmbeddingSet, extendVotes } from '../dist/index.js';
import { clustered, votesOn } from './lib/data.mjs';
import { isa, threads } from './lib/machine.mjs';
import { floors, productRate } from './lib/peaks.mjs';
import { report } from './lib/report.mjs';
import { median, sampleMs } from './lib/sample.mjs';

const d = 768;
const THRESHOLD = 0.5;

// Measured rounds after an unmeasured one. packed: an EmbeddingSet, which is held whole, made within the time; else
// plain rows, which are packed part by part where they are many.
async function rowsOf(n, lfCounts, rounds, packed = false) {
  const { embeddings, cluster } = clustered({ n, d });
  const sets = lfCounts.map((m) => ({ m, votes: votesOn(cluster, { m }), times: [] }));
  for (let round = -1; round < rounds; round++) {
    for (const { votes, times } of sets) {
      const ms = await sampleMs(() => {
        const rows = packed ? new EmbeddingSet(embeddings) : embeddings;
        extendVotes({ votes, embeddings: rows, thresholds: THRESHOLD, threads });
        if (packed) rows.close();
      });
      if (round >= 0) times.push(ms);
    }
  }
  return sets.map(({ m, times }) => {
    const ms = median(times);
    return { n, m, ms, range: [Math.min(...times), Math.max(...times)], packed };
  });
}

function row({ n, m, ms, range, packed }, more) {
  const bare = productRate();
  const dots = n * n; // all counted; a set compared with itself computes half of them
  const share = (100 * 2 * dots * d) / (ms / 1e3) / bare;
  const note = bare ? `${share.toFixed(0)} % of the bare product's rate of ${(bare / 1e12).toFixed(2)} TFLOP/s` : '';
  report({
    work: `extension, n = ${n}, d = ${d}, m = ${m}${packed ? ', as an EmbeddingSet, packing included' : ''}`,
    isa,
    threads,
    ms,
    range,
    floors: floors({ flops: dots * d, bytes: 4 * n * d }),
    agreement: note,
    ...more,
  });
}

// With m: at most 1.3 times the time of 10 LFs.
async function withLfs(n, rounds) {
  const measured = await rowsOf(n, [10, 50, 100], rounds);
  for (const [at, one] of measured.entries()) row(one, at === 0 ? {} : { atMost: 1.3 * measured[0].ms });
  return measured;
}
await withLfs(20_000, 5);
const [, largest] = await withLfs(100_000, 5);

// With n: every doubling may cost four times, and a tenth for noise.
let last;
for (const [n, rounds] of [
  [12_500, 5],
  [25_000, 5],
  [50_000, 3],
]) {
  const [measured] = await rowsOf(n, [50], rounds);
  row(measured, last === undefined ? {} : { atMost: 4.4 * last.ms });
  last = measured;
}
report({
  work: 'extension, m = 50, n = 50000 to 100000: time grows',
  isa,
  threads,
  value: Number((largest.ms / last.ms).toFixed(1)),
  unit: 'times',
  atMost: 4.4,
  range: [largest.range[0] / last.range[1], largest.range[1] / last.range[0]],
});
const [measured] = await rowsOf(100_000, [50], 3, true);
row(measured, {});
