// The definitions, in plain loops: what the kernels are measured against. Numbers of JavaScript are IEEE doubles, so the
// canonical score (a float64 sum in a fixed order) has the same bits here.
import type { FloatResult, Metric, VoteMatrix } from '../../lib/index.js';

interface Rows {
  votes: VoteMatrix;
  embeddings: FloatResult;
}

const rowOf = ({ data, shape }: FloatResult, i: number) => data.subarray(i * shape[1], (i + 1) * shape[1]);

/** Element i goes to accumulator i mod 8; these are added as ((0+4)+(2+6)) + ((1+5)+(3+7)). */
function sumInOrder(length: number, term: (i: number) => number): number {
  const a = new Float64Array(8);
  for (let i = 0; i < length; i++) a[i % 8] = (a[i % 8] as number) + term(i);
  const at = (i: number) => a[i] as number;
  return at(0) + at(4) + (at(2) + at(6)) + (at(1) + at(5) + (at(3) + at(7)));
}

const dot = (x: Float32Array, y: Float32Array) => sumInOrder(x.length, (i) => (x[i] as number) * (y[i] as number));

/** Rows as they are compared: under cosine divided by their norm, once, in float32; a zero row stays zero. */
function prepared(metric: Metric, matrix: FloatResult): Float32Array[] {
  return Array.from({ length: matrix.shape[0] }, (_, i) => {
    const x = rowOf(matrix, i);
    if (metric !== 'cosine') return x;
    const norm = Math.sqrt(dot(x, x));
    return norm === 0 ? x : x.map((value) => value * (1 / norm));
  });
}

/** Larger is nearer: the similarity, or minus the squared distance. */
function key(metric: Metric, x: Float32Array, y: Float32Array): number {
  if (metric !== 'l2') return dot(x, y);
  return -sumInOrder(x.length, (i) => ((x[i] as number) - (y[i] as number)) ** 2);
}

/** Similarity or true distance. */
const scoreOf = (metric: Metric, k: number) => (metric === 'l2' ? Math.sqrt(-k) : k);

/** All canonical scores, row-major. */
export function allScores(metric: Metric, a: FloatResult, b: FloatResult): Float64Array {
  const [xs, ys] = [prepared(metric, a), prepared(metric, b)];
  return Float64Array.from(xs.flatMap((x) => ys.map((y) => scoreOf(metric, key(metric, x, y)))));
}

/** The k nearest of every query, nearest first, ties by the lower index; scores rounded to float32. */
export function topK(metric: Metric, queries: FloatResult, support: FloatResult, k: number) {
  const [qs, ss] = [prepared(metric, queries), prepared(metric, support)];
  const nearest = qs.flatMap((q) =>
    ss
      .map((s, index) => ({ index, key: key(metric, q, s) }))
      .sort((s, t) => t.key - s.key || s.index - t.index)
      .slice(0, k),
  );
  return {
    indices: Int32Array.from(nearest, (n) => n.index),
    scores: Float32Array.from(nearest, (n) => scoreOf(metric, n.key)),
    shape: [queries.shape[0], Math.min(k, support.shape[0])] as const,
  };
}

/**
 * Vote extension: the nearest support row that voted decides if it is strictly inside the threshold; voters of different
 * classes at exactly the same score abstain; zero rows under cosine take no part.
 */
export function extend(metric: Metric, queries: Rows, support: Rows, thresholds: readonly number[]) {
  const [n, m] = queries.votes.shape;
  const [qs, ss] = [prepared(metric, queries.embeddings), prepared(metric, support.embeddings)];
  const takesPart = (x: Float32Array) => metric !== 'cosine' || x.some((value) => value !== 0);
  const result = {
    votes: { ...queries.votes, data: queries.votes.data.slice() },
    neighbors: new Int32Array(n * m).fill(-1),
    scores: new Float32Array(n * m).fill(Number.NaN),
  };
  for (const [i, q] of qs.entries()) {
    const keys = ss.map((s) => key(metric, q, s));
    for (let j = 0; j < m; j++) {
      const cell = i * m + j;
      if (result.votes.data[cell] !== 0) continue;
      result.neighbors[cell] = -2;
      const voteOf = (s: number) => support.votes.data[s * m + j] as number;
      const voters = takesPart(q)
        ? [...ss.keys()].filter((s) => voteOf(s) !== 0 && takesPart(ss[s] as Float32Array))
        : [];
      const best = voters.reduce((highest, s) => Math.max(highest, keys[s] as number), -Infinity);
      const winners = voters.filter((s) => keys[s] === best);
      const value = scoreOf(metric, best);
      const threshold = thresholds[j] as number;
      const near = metric === 'l2' ? value < threshold : value > threshold;
      if (!near || new Set(winners.map(voteOf)).size !== 1) continue;
      result.votes.data[cell] = voteOf(winners[0] as number);
      result.neighbors[cell] = winners[0] as number;
      result.scores[cell] = value;
    }
  }
  return result;
}
