// Training the end model on probabilistic labels: well under half a second for 10,000 embeddings?
import { fitEndModel } from '../dist/index.js';
import { measure } from './lib/compare.mjs';
import { clustered, votesOn } from './lib/data.mjs';
import { threads } from './lib/machine.mjs';

const [n, d] = [10_000, 768];
const { embeddings, cluster } = clustered({ n, d });
const { data } = votesOn(cluster, { m: 1 });
const proba = Float64Array.from(data, (vote) => 0.5 + 0.4 * vote);
await measure({
  work: `end model, n = ${n}, d = ${d}`,
  ours: () => fitEndModel({ embeddings, proba, threads }),
  atMost: 500,
});
