// Exact search as npm packages offer it, each with its support prepared once.
import { equalShare } from './compare.mjs';
import { threads } from './machine.mjs';
import { matMulTopK } from './onnx.mjs';
import { inProcess, optional } from './peers.mjs';

/** A copy with rows of unit length. */
export function normalized({ data, shape: [n, d] }) {
  const unit = new Float32Array(n * d);
  for (let row = 0; row < n; row++) {
    let squares = 0;
    for (let k = 0; k < d; k++) squares += data[row * d + k] ** 2;
    const scale = 1 / Math.sqrt(squares);
    for (let k = 0; k < d; k++) unit[row * d + k] = data[row * d + k] * scale;
  }
  return { data: unit, shape: [n, d] };
}

function transposed({ data, shape: [n, d] }) {
  const columns = new Float32Array(n * d);
  for (let row = 0; row < n; row++) for (let k = 0; k < d; k++) columns[k * n + row] = data[row * d + k];
  return columns;
}

async function onnxruntime(queries, support, k, options) {
  const { module, version, missing } = await optional('onnxruntime-node');
  if (missing) return { name: 'onnxruntime-node', missing };
  const { InferenceSession, Tensor } = module.default ?? module;
  const [p, d] = support.shape;
  const session = await InferenceSession.create(matMulTopK({ d, k }), { intraOpNumThreads: threads });
  const feeds = {
    queries: new Tensor('float32', queries.data, queries.shape),
    support: new Tensor('float32', transposed(support), [d, p]),
  };
  return inProcess(`onnxruntime-node ${version}`, async () => (await session.run(feeds)).indices.data, options);
}

async function usearch(queries, support, k, options) {
  const { module, version, missing } = await optional('usearch');
  if (missing) return { name: 'usearch', missing };
  const { exactSearch, MetricKind } = module.default ?? module;
  const [, d] = support.shape;
  const work = () => exactSearch(support.data, queries.data, d, k, MetricKind.IP, threads).keys;
  return inProcess(`usearch ${version} exactSearch`, work, options);
}

async function hnswlib(queries, support, k, options) {
  const { module, version, missing } = await optional('hnswlib-node');
  if (missing) return { name: 'hnswlib-node', missing };
  const { BruteforceSearch } = module.default ?? module;
  const [p, d] = support.shape;
  const index = new BruteforceSearch('ip', d);
  index.initIndex(p);
  const row = (matrix, at) => Array.from(matrix.data.subarray(at * d, (at + 1) * d)); // it takes nothing but arrays
  for (let at = 0; at < p; at++) index.addPoint(row(support, at), at);
  const asked = Array.from({ length: queries.shape[0] }, (_, at) => row(queries, at));
  return inProcess(
    `hnswlib-node ${version} brute force (1 thread: it has no more)`,
    () => asked.flatMap((query) => index.searchKnn(query, k).neighbors),
    options,
  );
}

/** onnxruntime-node, usearch and hnswlib-node for the k nearest by inner product; `asked`: smallest ratio by package. */
export async function exactPeers(queries, support, { k, asked = {}, aim = {}, only }) {
  const packages = { onnxruntime, usearch, hnswlib };
  const agreement = (ours, keys) => {
    // hnswlib lists neighbours farthest first: compare the sets.
    const sorted = (list) => {
      const all = Int32Array.from(list, Number);
      for (let at = 0; at < all.length; at += k) all.subarray(at, at + k).sort();
      return all;
    };
    return equalShare(sorted(ours.indices), sorted(keys), 'neighbours');
  };
  const peers = [];
  for (const [name, make] of Object.entries(packages)) {
    if (only && !only.includes(name)) continue;
    peers.push(await make(queries, support, k, { agreement, atLeast: asked[name], aim: aim[name] }));
  }
  return peers;
}
