// The k nearest rows of many rows, drawn from one or two sets, as the smoothing of posteriors takes them.
import type { EmbeddingSet, Embeddings } from './embedding-set.js';
import { addon } from './native.js';
import { type TopKResult, topK, topKAsync } from './top-k.js';
import type { AsyncOptions, CallOptions, Metric } from './types.js';

/** Per row k support rows (-1: none) and their weights (0: does not count). */
export interface NeighborLists {
  readonly indices: Int32Array;
  readonly weights: Float32Array;
  readonly rows: number;
  readonly k: number;
}

/** What is searched: support rows are numbered through, the second set after the first. */
export type Support = readonly [EmbeddingSet] | readonly [EmbeddingSet, EmbeddingSet];

type Found = readonly (TopKResult & { readonly first: number })[];

const metricOf = (support: Support): Metric => support[0].metric;

/** The sets that have rows, with the number of their first row. */
const searched = (support: Support) =>
  support.map((set, at) => ({ set, first: at === 0 ? 0 : support[0].shape[0] })).filter(({ set }) => set.shape[0] > 0);

/**
 * Lists of `queries`. With `selfFrom` query i is support row selfFrom + i and does not find itself.
 */
export function neighborLists(
  queries: Embeddings,
  rows: number,
  support: Support,
  k: number,
  options: CallOptions & { readonly selfFrom?: number } = {},
): NeighborLists {
  const { selfFrom, threads } = options;
  const wanted = selfFrom === undefined ? k : k + 1;
  const found = searched(support).map(({ set, first }) => ({
    ...topK(queries, set, { k: wanted, metric: metricOf(support), threads }),
    first,
  }));
  return merge(found, rows, k, metricOf(support), selfFrom);
}

/** {@link neighborLists} as a job. */
export async function neighborListsAsync(
  queries: Embeddings,
  rows: number,
  support: Support,
  k: number,
  options: CallOptions & AsyncOptions & { readonly selfFrom?: number } = {},
): Promise<NeighborLists> {
  const { selfFrom, threads, signal, onProgress, copy } = options;
  const wanted = selfFrom === undefined ? k : k + 1;
  const found: (TopKResult & { first: number })[] = [];
  for (const { set, first } of searched(support)) {
    const job = { k: wanted, metric: metricOf(support), threads, signal, copy };
    found.push({
      ...(await topKAsync(queries, set, { ...job, ...(first === 0 && onProgress && { onProgress }) })),
      first,
    });
  }
  return merge(found, rows, k, metricOf(support), selfFrom);
}

/** The k nearest of all, without the row itself; ties: the lower support row. */
function merge(found: Found, rows: number, k: number, metric: Metric, selfFrom: number | undefined): NeighborLists {
  const indices = new Int32Array(rows * k).fill(-1);
  const weights = new Float32Array(rows * k);
  const heads = new Int32Array(found.length);
  for (let row = 0; row < rows; row++) {
    heads.fill(0);
    for (let at = row * k; at < (row + 1) * k; ) {
      let best = -1;
      let bestScore = 0;
      for (let part = 0; part < found.length; part++) {
        const { scores, shape } = found[part]!;
        const head = heads[part]!;
        if (head >= shape[1]) continue;
        const score = scores[row * shape[1] + head]!;
        if (best < 0 || (metric === 'l2' ? score < bestScore : score > bestScore)) {
          best = part;
          bestScore = score;
        }
      }
      if (best < 0) break;
      const { indices: from, shape, first } = found[best]!;
      const neighbor = first + from[row * shape[1] + heads[best]!]!;
      heads[best]! += 1;
      if (selfFrom !== undefined && neighbor === selfFrom + row) continue;
      indices[at] = neighbor;
      weights[at] = bestScore;
      at++;
    }
  }
  addon.neighborWeights(metric, indices, weights, rows, k);
  return { indices, weights, rows, k };
}

/** The lists of two groups of rows, one after the other. */
export function joinLists(a: NeighborLists, b: NeighborLists): NeighborLists {
  const indices = new Int32Array(a.indices.length + b.indices.length);
  const weights = new Float32Array(indices.length);
  indices.set(a.indices);
  indices.set(b.indices, a.indices.length);
  weights.set(a.weights);
  weights.set(b.weights, a.weights.length);
  return { indices, weights, rows: a.rows + b.rows, k: a.k };
}
