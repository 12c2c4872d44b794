// What one small call costs: 10 x 10 x 8 must take microseconds, not start a team of threads.
import { countVotes, EmbeddingSet, extendVotes, LabelModel, pairwiseSimilarities, topK } from '../dist/index.js';
import { clustered, votesOn } from './lib/data.mjs';
import { isa, threads } from './lib/machine.mjs';
import { report } from './lib/report.mjs';
import { median, shortSamplesMs } from './lib/sample.mjs';

const { embeddings, cluster } = clustered({ n: 10, d: 8, clusters: 2 });
const votes = votesOn(cluster, { m: 4 });
const set = new EmbeddingSet(embeddings);
const model = LabelModel.fit(votes);
const calls = {
  pairwiseSimilarities: () => pairwiseSimilarities(embeddings, embeddings),
  'topK, k = 3': () => topK(embeddings, embeddings, { k: 3 }),
  'topK, k = 3, EmbeddingSet': () => topK(set, set, { k: 3 }),
  'extendVotes, m = 4': () => extendVotes({ votes, embeddings, thresholds: 0.5 }),
  'countVotes, m = 4': () => countVotes(votes),
  'predictProba, m = 4': () => model.predictProba(votes),
};
for (const [work, ours] of Object.entries(calls)) {
  const times = await shortSamplesMs(ours);
  report({
    work: `${work}, 10 rows of 8`,
    isa,
    threads,
    ms: median(times),
    range: [Math.min(...times), Math.max(...times)],
    atMost: 0.05,
  });
}
