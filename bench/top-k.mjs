// How fast is exact top-k, beside NumPy and FAISS on a large join and beside what npm offers on a smaller one?
import { EmbeddingSet, topK } from '../dist/index.js';
import { compare, equalShare } from './lib/compare.mjs';
import { clustered } from './lib/data.mjs';
import { exactPeers, normalized } from './lib/exact-peers.mjs';
import { isa, threads } from './lib/machine.mjs';
import { floors } from './lib/peaks.mjs';
import { pythonTask } from './lib/peers.mjs';
import { PythonPeer } from './lib/python.mjs';

const n = 10_000;
const d = 768;
const forced = isa.startsWith('avx512');

// Rows of unit length, so that cosine and the inner product of the peers rank alike. Queries are other rows than the support.
const support = normalized(clustered({ n, d, seed: 1 }).embeddings);
const queries = normalized(clustered({ n, d, seed: 1, rowSeed: 2 }).embeddings);
const bytes = (rows, k) => 4 * (rows + n) * d + 8 * rows * k;
const sameRows = (ours, theirs) => equalShare(ours.indices, theirs.data, 'neighbours');

const python = new PythonPeer();
const version = await python.versions().catch(() => ({}));
await python.load('queries', queries).catch(() => {});
await python.load('support', support).catch(() => {});
for (const k of [1, 10]) {
  const args = { queries: 'queries', support: 'support', k };
  const [numpy, faiss] = forced
    ? [
        [1.4, 2],
        [1.4, 2],
      ]
    : [
        [4, 10],
        [5, 10],
      ];
  const peer = (name, task, [atLeast, aim]) =>
    pythonTask(python, name, task, args, { agreement: sameRows, atLeast, aim });
  await compare({
    work: `top-k, k = ${k}, ${n} x ${n} x ${d}`,
    ours: () => topK(queries, support, { k, metric: 'cosine', threads }),
    peers: [
      peer(`NumPy ${version.numpy} (${version.blas})`, 'top_k_numpy', numpy),
      peer(`FAISS ${version.faiss} IndexFlatIP`, 'top_k_faiss', faiss),
    ],
    floors: floors({ flops: 2 * n * n * d, bytes: bytes(n, k) }),
  });
}
python.close();

if (!forced) {
  const rows = 2000;
  const few = { data: queries.data.subarray(0, rows * d), shape: [rows, d] };
  const packed = new EmbeddingSet(support);
  await compare({
    work: `top-k, k = 10, ${rows} x ${n} x ${d}, support prepared by both sides`,
    ours: () => topK(few, packed, { k: 10, threads }),
    peers: await exactPeers(few, support, { k: 10, asked: { onnxruntime: 4, usearch: 40, hnswlib: 40 } }),
    floors: floors({ flops: 2 * rows * n * d, bytes: bytes(rows, 10) }),
  });
}
