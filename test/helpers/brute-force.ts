// The definitions, in plain float64 loops: what the kernels are measured against.
import type { FloatResult, Metric, VoteMatrix } from '../../lib/index.js';

const row = (matrix: FloatResult, i: number) => matrix.data.subarray(i * matrix.shape[1], (i + 1) * matrix.shape[1]);

/** Similarity (cosine: 0 for a zero row) or true distance of two rows. */
export function score(metric: Metric, x: Float32Array, y: Float32Array): number {
  let dot = 0;
  let xx = 0;
  let yy = 0;
  let squared = 0;
  for (let c = 0; c < x.length; c++) {
    const a = x[c] as number;
    const b = y[c] as number;
    dot += a * b;
    xx += a * a;
    yy += b * b;
    squared += (a - b) ** 2;
  }
  if (metric === 'l2') return Math.sqrt(squared);
  if (metric === 'dot') return dot;
  return xx === 0 || yy === 0 ? 0 : dot / Math.sqrt(xx * yy);
}

/** All scores, row-major. */
export function allScores(metric: Metric, a: FloatResult, b: FloatResult): Float64Array {
  const p = b.shape[0];
  return Float64Array.from({ length: a.shape[0] * p }, (_, cell) =>
    score(metric, row(a, Math.floor(cell / p)), row(b, cell % p)),
  );
}

const nearer = (metric: Metric, x: number, y: number) => (metric === 'l2' ? x < y : x > y);
const within = (metric: Metric, value: number, threshold: number) =>
  metric === 'l2' ? value < threshold : value > threshold;

/** Indices and scores of the k nearest, nearest first, ties by the lower index. */
export function topK(metric: Metric, queries: FloatResult, support: FloatResult, k: number) {
  const scores = allScores(metric, queries, support);
  const p = support.shape[0];
  const indices: number[] = [];
  const values: number[] = [];
  for (let i = 0; i < queries.shape[0]; i++) {
    const mine = scores.subarray(i * p, (i + 1) * p);
    const order = Array.from(mine.keys()).sort((s, t) => {
      const x = mine[s] as number;
      const y = mine[t] as number;
      return x === y ? s - t : nearer(metric, x, y) ? -1 : 1;
    });
    for (const s of order.slice(0, k)) {
      indices.push(s);
      values.push(mine[s] as number);
    }
  }
  return { indices, scores: values };
}

const isZero = (values: Float32Array) => values.every((v) => v === 0);

export interface Extension {
  votes: number[];
  neighbors: number[];
  scores: number[];
}

/**
 * Vote extension by its definition: the nearest support row that voted decides, strictly inside the threshold; voters of
 * different classes at exactly the same score abstain; zero rows under cosine take no part.
 */
export function extend(
  metric: Metric,
  queries: { votes: VoteMatrix; embeddings: FloatResult },
  support: { votes: VoteMatrix; embeddings: FloatResult },
  thresholds: readonly number[],
): Extension {
  const [n, m] = queries.votes.shape;
  const result: Extension = { votes: [], neighbors: [], scores: [] };
  const push = (vote: number, neighbor: number, value: number) => {
    result.votes.push(vote);
    result.neighbors.push(neighbor);
    result.scores.push(value);
  };
  for (let i = 0; i < n; i++) {
    const query = row(queries.embeddings, i);
    for (let j = 0; j < m; j++) {
      const direct = queries.votes.data[i * m + j] as number;
      if (direct !== 0) {
        push(direct, -1, Number.NaN);
        continue;
      }
      let best = -1;
      let bestScore = Number.NaN;
      let tie = false;
      for (let s = 0; s < support.votes.shape[0]; s++) {
        const vote = support.votes.data[s * m + j] as number;
        const voter = row(support.embeddings, s);
        if (vote === 0 || (metric === 'cosine' && (isZero(query) || isZero(voter)))) continue;
        const value = score(metric, query, voter);
        if (best < 0 || nearer(metric, value, bestScore)) {
          best = s;
          bestScore = value;
          tie = false;
        } else if (value === bestScore && vote !== support.votes.data[best * m + j]) {
          tie = true;
        }
      }
      if (best < 0 || tie || !within(metric, bestScore, thresholds[j] as number)) push(0, -2, Number.NaN);
      else push(support.votes.data[best * m + j] as number, best, bestScore);
    }
  }
  return result;
}
