// Preparing 100,000 embeddings once: about one pass over memory?
import { EmbeddingSet } from '../dist/index.js';
import { compare } from './lib/compare.mjs';
import { clustered } from './lib/data.mjs';
import { threads } from './lib/machine.mjs';
import { floors } from './lib/peaks.mjs';
import { inProcess } from './lib/peers.mjs';

const [n, d] = [100_000, 768];
const { embeddings } = clustered({ n, d });
let bytes;
await compare({
  work: `EmbeddingSet of ${n} x ${d} (checked, normalised, packed)`,
  ours: () => {
    const set = new EmbeddingSet(embeddings, { threads });
    bytes = set.bytes;
    set.close();
  },
  peers: [
    inProcess('Float32Array.slice, a copy into fresh memory', () => void embeddings.data.slice(), {
      agreement: async () =>
        `${Math.round(bytes / 2 ** 20)} MiB held for ${Math.round((4 * n * d) / 2 ** 20)} MiB given`,
    }),
  ],
  floors: floors({ bytes: 4 * n * d + bytes }),
});
