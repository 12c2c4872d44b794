// Seeded data that looks like a weakly supervised data set: clustered embeddings, labelling functions that fire in some
// clusters more than in others and are right most of the time.

/** Uniform numbers in [0, 1): mulberry32. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Standard normal numbers: Box-Muller. */
const normal = (uniform) => () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());

/**
 * n x d embeddings around 100 centres. Two rows of one cluster have a cosine similarity of .3 to .8, as each row has its
 * own distance to the centre; rows of different clusters are nearly orthogonal. Another `rowSeed`: other rows around the
 * same centres.
 *
 * @returns {{ embeddings: { data: Float32Array, shape: [number, number] }, cluster: Int32Array }}
 */
export function clustered({ n, d, seed = 1, rowSeed = 1, clusters = 100 }) {
  const centres = Float32Array.from({ length: clusters * d }, normal(random(seed)));
  const uniform = random(1000 * seed + rowSeed);
  const cluster = Int32Array.from({ length: n }, () => Math.floor(uniform() * clusters));
  const data = new Float32Array(n * d);
  for (let row = 0; row < n; row++) {
    const centre = cluster[row] * d;
    // The sum of two uniform numbers has variance 1/6 and is near enough to normal in 768 dimensions.
    const noise = Math.sqrt(6) * (0.5 + uniform());
    for (let k = 0; k < d; k++) data[row * d + k] = centres[centre + k] + noise * (uniform() + uniform() - 1);
  }
  return { embeddings: { data, shape: [n, d] }, cluster };
}

/**
 * Votes of m labelling functions whose coverages are spread evenly over 5 to 20 %. A cluster belongs to one class; an LF
 * fires by its own affinity to each cluster and is right in 85 % of its votes.
 *
 * @returns {{ data: Int8Array, shape: [number, number] }}
 */
export function votesOn(cluster, { m, seed = 2 }) {
  const uniform = random(seed);
  const gauss = normal(uniform);
  const clusters = cluster.reduce((most, c) => Math.max(most, c), 0) + 1;
  const label = Int8Array.from({ length: clusters }, () => (uniform() < 0.5 ? -1 : 1));
  const data = new Int8Array(cluster.length * m);
  for (let lf = 0; lf < m; lf++) {
    const affinity = Float64Array.from({ length: clusters }, () => Math.exp(1.5 * gauss()));
    const rate = withMean(0.05 + (0.15 * (lf + 0.5)) / m, affinity);
    cluster.forEach((c, row) => {
      if (uniform() < rate[c]) data[row * m + lf] = uniform() < 0.85 ? label[c] : -label[c];
    });
  }
  return { data, shape: [cluster.length, m] };
}

/** Affinities times the factor that makes the mean, each capped at 1, equal to the target: bisection. */
function withMean(target, affinity) {
  const capped = (factor) => affinity.map((a) => Math.min(1, a * factor));
  let [low, high] = [0, 1 / Math.min(...affinity)];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (capped(middle).reduce((sum, value) => sum + value) < target * affinity.length) low = middle;
    else high = middle;
  }
  return capped(high);
}

/** Votes where embeddings play no part: every LF votes on a random 5 to 20 % of the rows. */
export const scatteredVotes = ({ n, m }) => votesOn(new Int32Array(n), { m });
