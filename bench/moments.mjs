// All a label model needs to know of a million rows: exact counts of every pair of LFs, beside NumPy's second moments.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { countVotes } from '../dist/index.js';
import { compare } from './lib/compare.mjs';
import { scatteredVotes } from './lib/data.mjs';
import { threads } from './lib/machine.mjs';
import { floors } from './lib/peaks.mjs';
import { pythonTask } from './lib/peers.mjs';
import { PythonPeer } from './lib/python.mjs';

const n = 1_000_000;
const python = new PythonPeer();
const version = await python.versions().catch(() => ({}));

// The second moment of two LFs from counts: rows where they agree minus rows where they differ.
function sameMoments(counts, { data, shape: [m] }) {
  let different = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < m; j++) {
      const joint = (a, b) => (i === j && a !== b ? 0 : counts.joint(i, a, j, b));
      const moment = joint(0, 0) + joint(1, 1) - joint(0, 1) - joint(1, 0);
      if (moment !== data[i * m + j]) different++;
    }
  }
  return different === 0 ? 'all moments equal' : `${different} of ${m * m} moments differ`;
}

// A session or a stream holds votes as bit planes: the core's timing program counts from those.
const folder = fileURLToPath(new URL('../build-bench', import.meta.url));
function buildCounts() {
  const source = fileURLToPath(new URL('..', import.meta.url));
  execFileSync('cmake', ['-S', source, '-B', folder, '-DNEARVOTE_BENCH=ON', '-DNEARVOTE_TESTS=OFF']);
  execFileSync('cmake', ['--build', folder, '--target', 'bench_counts', '--parallel', '2']);
}
const fromPlanes = async (m) =>
  Number(execFileSync(`${folder}/bench_counts`, [n, m, threads].map(String), { encoding: 'utf8' }));

buildCounts();
for (const m of [50, 100]) {
  const votes = scatteredVotes({ n, m });
  await python.load('votes', votes).catch(() => {});
  const numpy = (targets) =>
    pythonTask(
      python,
      `NumPy ${version.numpy} L.T @ L, cast included (${version.blas})`,
      'moments_numpy',
      { votes: 'votes' },
      targets,
    );
  // Votes are read once; every pair of the 2 m indicators is one popcount per 64 rows.
  const words = ((2 * m * (2 * m + 1)) / 2) * (n / 64);
  await compare({
    work: `second moments, n = ${n}, m = ${m}, packing included`,
    ours: () => countVotes(votes, { threads }),
    peers: [numpy({ atLeast: 3.5, agreement: sameMoments })],
    floors: floors({ words, bytes: n * m }),
    rounds: 7,
  });
  await compare({
    work: `second moments, n = ${n}, m = ${m}, from bit planes`,
    ours: () => undefined,
    sample: () => fromPlanes(m),
    peers: [numpy({ atLeast: 10, aim: 30 })],
    floors: floors({ words, bytes: (n * m) / 4 }),
    rounds: 7,
  });
}
python.close();
