// How much faster is exact extension than searching once per labelling function, and than the dense matrix?
import { extendVotes } from '../dist/index.js';
import { compare, equalShare } from './lib/compare.mjs';
import { clustered, votesOn } from './lib/data.mjs';
import { isa, threads } from './lib/machine.mjs';
import { floors } from './lib/peaks.mjs';
import { pythonTask } from './lib/peers.mjs';
import { PythonPeer } from './lib/python.mjs';

const d = 768;
const threshold = 0.5;

// What is good enough, per number of LFs.
const forced = isa.startsWith('avx512');
const ASKED = {
  10: forced ? { faiss: [2.3, 3] } : { faiss: [8, 20], dense: [20, 50] },
  50: forced ? { faiss: [8, 12] } : { faiss: [15, 40], dense: [35, 90] },
};

const python = new PythonPeer();
const version = await python.versions().catch(() => ({}));
const blas = version.blas ? ` (${version.blas})` : '';

const sameVotes = (ours, theirs) => equalShare(ours.votes.data, theirs.data, 'votes');

async function question({ n, m, faiss, dense, rounds }) {
  const { embeddings, cluster } = clustered({ n, d });
  const votes = votesOn(cluster, { m });
  await python.load('embeddings', embeddings).catch(() => {});
  await python.load('votes', votes).catch(() => {});
  const args = { embeddings: 'embeddings', votes: 'votes', threshold };
  const peer = (name, task, [atLeast, aim]) =>
    pythonTask(python, name, task, args, { agreement: sameVotes, atLeast, aim });
  await compare({
    work: `extension, n = ${n}, d = ${d}, m = ${m}`,
    ours: () => extendVotes({ votes, embeddings, thresholds: threshold, threads }),
    peers: [
      peer(`FAISS ${version.faiss} per LF${blas}`, 'extension_faiss', faiss),
      ...(dense ? [peer(`scikit-learn ${version.sklearn} dense`, 'extension_dense', dense)] : []),
    ],
    // Rows against themselves: half the products decide all. Embeddings are read once, votes and winners written once.
    floors: floors({ flops: n * n * d, bytes: n * (4 * d + 10 * m) }),
    rounds,
  });
}

// The paper's data set is this small; both ways are asked for the same ratio, as the fastest of them counts.
if (!forced) await question({ n: 1586, m: 10, faiss: [4, 10], dense: [4, 10], rounds: 9 });
for (const m of [10, 50]) await question({ n: 10_000, m, ...ASKED[m], rounds: 5 });
python.close();
