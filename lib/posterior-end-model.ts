// Beside the neighbours: an end model (logistic regression on the embeddings) trained on what the neighbours say. It sees
// the whole space where neighbours see a corner of it, and keeps what a linear boundary can express.
import { EndModel, fitEndModelAsync } from './end-model.js';
import type { Support } from './neighbor-lists.js';
import type { AsyncOptions, CallOptions, FloatResult } from './types.js';

/** Rows it is trained on, evenly drawn; known rows come on top. */
const MAX_ROWS = 5000;
const MAX_ITERATIONS = 50;
/** How many rows without a gold label a known row counts for. */
const KNOWN_WEIGHT = 30;
const SMALLEST_PROBA = 1e-6;

/** @internal An end model on embeddings as sets hold them, and its share in the posterior. */
export interface MixedEndModel {
  readonly model: EndModel;
  readonly weight: number;
}

/**
 * a^(1 - weight) * b^weight row by row, normalised: n x K distributions.
 * @param evidence rows where it is 0 stay as in a.
 */
export function mixPosteriors(
  a: Float64Array,
  b: Float64Array,
  weight: number,
  classes: number,
  evidence?: Uint8Array,
): Float64Array {
  if (weight === 0) return a;
  const floor = (p: number) => Math.max(p, SMALLEST_PROBA);
  const mixed = a.map((p, at) => floor(p) ** (1 - weight) * floor(b[at]!) ** weight);
  for (let row = 0; row < mixed.length; row += classes) {
    const mine = mixed.subarray(row, row + classes);
    if (evidence?.[row / classes] === 0) {
      mine.set(a.subarray(row, row + classes));
      continue;
    }
    const total = mine.reduce((sum, p) => sum + p, 0);
    for (let y = 0; y < classes; y++) mine[y]! /= total;
  }
  return mixed;
}

/** @internal Trains end models on the rows of a graph (numbered as in it) and predicts some of them. */
export class EndModelTrainer {
  /** Nodes it is trained on, all known ones among them. */
  readonly #nodes: readonly number[];
  readonly #labels: Int32Array;
  readonly #classes: number;
  readonly #embeddings: FloatResult;
  /** What brings the rows to a mean square of 1, for which the penalty is meant; 1 under cosine. */
  readonly #scale: number;
  readonly #options: CallOptions & AsyncOptions;

  /** @param labels class index of every node, -1: unknown. */
  constructor(support: Support, labels: Int32Array, classes: number, { threads, signal }: CallOptions & AsyncOptions) {
    const nodes = Array.from(labels.keys());
    const known = nodes.filter((node) => labels[node]! >= 0);
    const others = nodes.filter((node) => labels[node]! < 0);
    const step = Math.max(1, others.length / MAX_ROWS);
    const drawn = Array.from({ length: Math.min(others.length, MAX_ROWS) }, (_, at) => others[Math.floor(at * step)]!);
    this.#nodes = [...known, ...drawn];
    this.#labels = labels;
    this.#classes = classes;
    this.#embeddings = gatherRows(support, this.#nodes);
    const squares = this.#embeddings.data.reduce((sum, x) => sum + x * x, 0);
    const usable = support[0].metric !== 'cosine' && squares > 0 && Number.isFinite(squares);
    this.#scale = usable ? Math.sqrt(this.#nodes.length / squares) : 1;
    this.#options = { threads, signal };
  }

  /**
   * @param proba posteriors of all nodes.
   * @param clamped known nodes whose labels it is given.
   * @param held nodes that it must not see.
   */
  async train(proba: Float64Array, clamped: readonly number[], held: readonly number[] = []): Promise<EndModel> {
    const classes = this.#classes;
    const targets = new Float64Array(this.#nodes.length * classes);
    const weights = new Float64Array(this.#nodes.length).fill(1);
    const sure = new Set(clamped);
    const hidden = new Set(held);
    this.#nodes.forEach((node, at) => {
      if (sure.has(node)) {
        targets[at * classes + this.#labels[node]!] = 1;
        weights[at] = KNOWN_WEIGHT;
      } else {
        targets.set(proba.subarray(node * classes, (node + 1) * classes), at * classes);
        if (hidden.has(node)) weights[at] = 0;
      }
    });
    const { data, shape } = this.#embeddings;
    const embeddings = this.#scale === 1 ? this.#embeddings : { data: data.map((x) => x * this.#scale), shape };
    const input = { embeddings, proba: targets, classes, weights, maxIterations: MAX_ITERATIONS };
    const model = await fitEndModelAsync(
      { ...input, threads: this.#options.threads },
      { signal: this.#options.signal },
    );
    return this.#scale === 1 ? model : unscaled(model, this.#scale);
  }

  /** Posteriors of some of its nodes. */
  async predict(model: EndModel, nodes: readonly number[]): Promise<Float64Array> {
    const place = new Map(this.#nodes.map((node, at) => [node, at]));
    const { data, shape } = this.#embeddings;
    const dims = shape[1];
    const rows = new Float32Array(nodes.length * dims);
    nodes.forEach((node, at) => {
      rows.set(data.subarray(place.get(node)! * dims, (place.get(node)! + 1) * dims), at * dims);
    });
    return model.predictProbaAsync({ data: rows, shape: [nodes.length, dims] }, this.#options);
  }
}

/** A model of rows times `scale` as one of the rows themselves. */
function unscaled(model: EndModel, scale: number): EndModel {
  const json = model.toJSON();
  const weights = json.weights.map((w, at) => (at % (json.dims + 1) < json.dims ? w * scale : w));
  return EndModel.fromJSON({ ...json, weights });
}

/** Rows of one or two sets, numbered through, as the sets hold them (normalised under cosine). */
function gatherRows(support: Support, nodes: readonly number[]): FloatResult {
  const [first] = support;
  const dims = first.shape[1];
  const data = new Float32Array(nodes.length * dims);
  support.forEach((set, at) => {
    const from = at === 0 ? 0 : first.shape[0];
    const mine = nodes.flatMap((node, place) =>
      node >= from && node < from + set.shape[0] ? [{ row: node - from, place }] : [],
    );
    const rows = set.gather(Int32Array.from(mine, ({ row }) => row));
    mine.forEach(({ place }, i) => {
      data.set(rows.subarray(i * dims, (i + 1) * dims), place * dims);
    });
  });
  return { data, shape: [nodes.length, dims] };
}
