// What every search gives on the instruction set that NEARVOTE_ISA names (read once per process), as digests; and how far
// the fast matrices are from the precise ones, in units of their bound.
import { createHash } from 'node:crypto';
import { devices, extendVotes, NearestVoters, pairwiseDistances, pairwiseSimilarities, topK } from 'nearvote';

function matrix(rows, cols, seed, step) {
  const data = Float32Array.from(
    { length: rows * cols },
    (_, i) => Math.sin(i * 1.37 + seed) + ((i * 31 + seed) % 17) / 17,
  );
  // Coarse values make ties.
  return { data: step ? data.map((v) => Math.round(v / step) * step) : data, shape: [rows, cols] };
}
const votesOf = (rows, lfs, seed) => ({
  data: Int8Array.from({ length: rows * lfs }, (_, i) => ((i + seed) % 7 === 0 ? 1 : (i + seed) % 5 === 0 ? -1 : 0)),
  shape: [rows, lfs],
});

const digests = {};
const add = (name, ...arrays) => {
  digests[name] = arrays.reduce((hash, array) => hash.update(array), createHash('sha256')).digest('hex');
};
let worst = 0;
for (const [n, p, d] of [
  [1, 1, 1],
  [33, 17, 31],
  [100, 300, 64],
  [64, 520, 769],
]) {
  for (const step of [0, 0.5]) {
    const [a, b] = [matrix(n, d, 1, step), matrix(p, d, 2, step)];
    for (const metric of ['cosine', 'dot', 'l2']) {
      const name = `${n} x ${p} x ${d} ${metric} ${step}`;
      const nearest = topK(a, b, { k: 7, metric });
      add(`topK ${name}`, nearest.indices, nearest.scores);
      const input = {
        votes: votesOf(n, 6, 1),
        embeddings: a,
        support: { votes: votesOf(p, 6, 2), embeddings: b },
        metric,
      };
      const thresholds = metric === 'l2' ? 20 : 0.2;
      const extended = extendVotes({ ...input, thresholds });
      add(`extendVotes ${name}`, extended.votes.data, extended.neighbors, extended.scores);
      const voters = new NearestVoters(input).nearest(1);
      add(`NearestVoters ${name}`, voters.neighbors, voters.scores);
    }
    const distances = pairwiseDistances(a, b, { metric: 'l2', precise: true }).data;
    const precise = pairwiseSimilarities(a, b, { precise: true }).data;
    add(`precise ${n} x ${p} x ${d} ${step}`, distances, precise);
    const fast = pairwiseSimilarities(a, b).data;
    const bound = (d + 3) * 2 ** -24;
    for (let i = 0; i < fast.length; i++) worst = Math.max(worst, Math.abs(fast[i] - precise[i]) / bound);
  }
}
process.stdout.write(JSON.stringify({ isa: devices()[0].isa, digests, worst }));
