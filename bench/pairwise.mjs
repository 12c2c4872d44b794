// Whole matrices of similarities: at the speed of a BLAS?
import { pairwiseSimilarities } from '../dist/index.js';
import { compare, largestDifference } from './lib/compare.mjs';
import { clustered } from './lib/data.mjs';
import { normalized } from './lib/exact-peers.mjs';
import { isa, threads } from './lib/machine.mjs';
import { floors } from './lib/peaks.mjs';
import { pythonTask } from './lib/peers.mjs';
import { PythonPeer } from './lib/python.mjs';

const [n, d] = [4096, 768];
const a = normalized(clustered({ n, d }).embeddings);
const b = normalized(clustered({ n, d, rowSeed: 2 }).embeddings);
const out = new Float32Array(n * n);
const python = new PythonPeer();
const version = await python.versions().catch(() => ({}));
await python.load('a', a).catch(() => {});
await python.load('b', b).catch(() => {});
await compare({
  work: `pairwise dot similarities, ${n} x ${n} x ${d}, into an array that both sides reuse`,
  ours: () => pairwiseSimilarities(a, b, { metric: 'dot', out, threads }),
  peers: [
    pythonTask(
      python,
      `NumPy ${version.numpy} matmul (${version.blas})`,
      'similarities_numpy',
      { a: 'a', b: 'b' },
      {
        atLeast: 1,
        aim: 1.2,
        agreement: (ours, theirs) => largestDifference(ours.data, theirs.data),
      },
    ),
  ],
  // Float32 sums on AVX-512; with AMX six products of int8 digits, at twice the rate of bf16.
  floors: floors({
    flops: (isa === 'amx' ? 3 : 1) * 2 * n * n * d,
    unit: isa === 'avx512_vnni' ? 'avx512' : isa,
    bytes: 4 * (2 * n * d + n * n),
  }),
  rounds: 9,
});
python.close();
