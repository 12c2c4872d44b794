// How long does one query against 100,000 rows take? Memory bandwidth decides; a packed filter reads fewer bytes.
import { EmbeddingSet, topK } from '../dist/index.js';
import { compare } from './lib/compare.mjs';
import { clustered } from './lib/data.mjs';
import { exactPeers, normalized } from './lib/exact-peers.mjs';
import { threads } from './lib/machine.mjs';
import { floors } from './lib/peaks.mjs';

const [n, d, k] = [100_000, 768, 10];
const support = normalized(clustered({ n, d }).embeddings);
const query = normalized(clustered({ n: 1, d, rowSeed: 2 }).embeddings);
const packed = new EmbeddingSet(support);
await compare({
  work: `one query against ${n} x ${d}, k = ${k}, support prepared by both sides`,
  ours: () => topK(query, packed, { k, threads }),
  peers: await exactPeers(query, support, {
    k,
    only: ['onnxruntime'],
    asked: { onnxruntime: 1 },
    aim: { onnxruntime: 2 },
  }),
  floors: floors({ flops: 2 * n * d, bytes: 4 * n * d }),
  rounds: 15,
});
