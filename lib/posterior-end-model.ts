// Beside the neighbours: an end model (logistic regression on the embeddings) trained on what the neighbours say, or on the
// gold labels alone where those suffice. It sees the whole space where neighbours see a corner of it, and keeps what a
// linear boundary can express.
import { EndModel, type EndModelInput, fitEndModelAsync } from './end-model.js';
import type { Support } from './neighbor-lists.js';
import type { OwnEvidence } from './posterior-graph.js';
import type { AsyncOptions, CallOptions, FloatResult } from './types.js';

/** Rows it is trained on, evenly drawn; known rows come on top. */
const MAX_ROWS = 5000;
const MAX_ITERATIONS = 50;
/** How many rows without a gold label a known row counts for. */
const KNOWN_WEIGHT = 30;
/** Trained on gold labels alone: penalty 1 / (this * rows). Rows of length 1 need large coefficients. */
const GOLD_C = 100;
const GOLD_MAX_ITERATIONS = 100;
const SMALLEST_PROBA = 1e-6;

/** What an end model is trained on: the posteriors of all rows and the gold labels, or the gold labels alone. */
export type EndModelSource = 'posteriors' | 'gold';

/** @internal An end model on embeddings as sets hold them, and its share in the posterior. */
export interface MixedEndModel {
  readonly model: EndModel;
  readonly weight: number;
  /** Of one trained on gold labels alone: their class frequencies (see {@link besideOwnVotes}). */
  readonly prior?: readonly number[] | undefined;
}

/** @internal The rows' own votes as smoothing counts them (native/core/neighbors/knn_posterior.h). */
export interface OwnVotes extends OwnEvidence {
  readonly classBalance: readonly number[];
  readonly ownWeight: number;
}

/**
 * What an end model that knows nothing of votes says together with a row's own votes: proba_y / prior_y is its evidence,
 * as r_y / m_y is the neighbours'. n x K distributions.
 */
function besideOwnVotes(said: Float64Array, prior: readonly number[], own: OwnVotes): Float64Array {
  const { proba, counts, classBalance, ownWeight } = own;
  const classes = prior.length;
  const floor = (p: number) => Math.max(p, SMALLEST_PROBA);
  const joint = said.map((p, at) => {
    const y = at % classes;
    const exponent = ownWeight / Math.sqrt(Math.max(1, counts[(at - y) / classes]!));
    return ((classBalance[y]! ** (1 - exponent) * floor(proba[at]!) ** exponent) / prior[y]!) * floor(p);
  });
  return normalized(joint, classes);
}

/** Rows divided by their sums, in place. */
function normalized(rows: Float64Array, classes: number): Float64Array {
  for (let row = 0; row < rows.length; row += classes) {
    const mine = rows.subarray(row, row + classes);
    const total = mine.reduce((sum, p) => sum + p, 0);
    for (let y = 0; y < classes; y++) mine[y]! /= total;
  }
  return rows;
}

/**
 * @internal Smoothed posteriors with an end model's share in them.
 * @param said what it says of the rows.
 * @param evidence rows where it is 0 stay as they are.
 */
export function withEndModel(
  smoothed: Float64Array,
  said: Float64Array,
  { weight, prior }: Omit<MixedEndModel, 'model'>,
  own: OwnVotes,
  evidence?: Uint8Array,
): Float64Array {
  const other = prior ? besideOwnVotes(said, prior, own) : said;
  return mixPosteriors(smoothed, other, weight, own.classBalance.length, evidence);
}

/**
 * a^(1 - weight) * b^weight row by row, normalised: n x K distributions.
 * @param evidence rows where it is 0 stay as in a.
 */
function mixPosteriors(
  a: Float64Array,
  b: Float64Array,
  weight: number,
  classes: number,
  evidence?: Uint8Array,
): Float64Array {
  if (weight === 0) return a;
  const floor = (p: number) => Math.max(p, SMALLEST_PROBA);
  const mixed = normalized(
    a.map((p, at) => floor(p) ** (1 - weight) * floor(b[at]!) ** weight),
    classes,
  );
  evidence?.forEach((any, row) => {
    if (any === 0) mixed.set(a.subarray(row * classes, (row + 1) * classes), row * classes);
  });
  return mixed;
}

/** @internal Trains end models on the rows of a graph (numbered as in it) and predicts some of them. */
export class EndModelTrainer {
  /** Nodes it is trained on, all known ones among them. */
  readonly #nodes: readonly number[];
  /** Where a node is in {@link #nodes}. */
  readonly #places: ReadonlyMap<number, number>;
  readonly #labels: Int32Array;
  readonly #classes: number;
  readonly #own: Omit<OwnVotes, 'ownWeight'>;
  readonly #embeddings: FloatResult;
  /** What brings the rows to a mean square of 1, for which the penalty is meant; 1 under cosine. */
  readonly #scale: number;
  readonly #options: CallOptions & AsyncOptions;

  /**
   * @param labels class index of every node, -1: unknown.
   * @param own the votes of every node.
   */
  constructor(
    support: Support,
    labels: Int32Array,
    own: Omit<OwnVotes, 'ownWeight'>,
    { threads, signal }: CallOptions & AsyncOptions,
  ) {
    const nodes = Array.from(labels.keys());
    const known = nodes.filter((node) => labels[node]! >= 0);
    const others = nodes.filter((node) => labels[node]! < 0);
    const step = Math.max(1, others.length / MAX_ROWS);
    const drawn = Array.from({ length: Math.min(others.length, MAX_ROWS) }, (_, at) => others[Math.floor(at * step)]!);
    this.#nodes = [...known, ...drawn];
    this.#places = new Map(this.#nodes.map((node, at) => [node, at]));
    this.#labels = labels;
    this.#classes = own.classBalance.length;
    this.#own = own;
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
    return this.#fit(this.#embeddings, { proba: targets, weights, maxIterations: MAX_ITERATIONS });
  }

  /** @param clamped known nodes whose labels are all that it is given. */
  async trainOnGold(clamped: readonly number[]): Promise<EndModel> {
    const classes = this.#classes;
    const targets = new Float64Array(clamped.length * classes);
    clamped.forEach((node, at) => {
      targets[at * classes + this.#labels[node]!] = 1;
    });
    const l2 = 1 / (GOLD_C * clamped.length);
    return this.#fit(this.#rows(clamped), { proba: targets, l2, maxIterations: GOLD_MAX_ITERATIONS });
  }

  /** Class frequencies of known nodes, a row of each class added so that none is impossible. */
  frequencies(known: readonly number[]): readonly number[] {
    const counts = new Array<number>(this.#classes).fill(1);
    for (const node of known) counts[this.#labels[node]!]! += 1;
    return counts.map((count) => count / (known.length + this.#classes));
  }

  /** The own votes of some nodes. */
  own(nodes: readonly number[], ownWeight: number): OwnVotes {
    const classes = this.#classes;
    const { proba, counts, classBalance } = this.#own;
    const picked = new Float64Array(nodes.length * classes);
    nodes.forEach((node, at) => {
      picked.set(proba.subarray(node * classes, (node + 1) * classes), at * classes);
    });
    return { proba: picked, counts: Int32Array.from(nodes, (node) => counts[node]!), classBalance, ownWeight };
  }

  async #fit({ data, shape }: FloatResult, how: Omit<EndModelInput, 'embeddings'>): Promise<EndModel> {
    const embeddings = { data: this.#scale === 1 ? data : data.map((x) => x * this.#scale), shape };
    const { threads, signal } = this.#options;
    const model = await fitEndModelAsync({ ...how, embeddings, classes: this.#classes, threads }, { signal });
    return this.#scale === 1 ? model : unscaled(model, this.#scale);
  }

  #rows(nodes: readonly number[]): FloatResult {
    const { data, shape } = this.#embeddings;
    const dims = shape[1];
    const rows = new Float32Array(nodes.length * dims);
    nodes.forEach((node, at) => {
      const from = this.#places.get(node)! * dims;
      rows.set(data.subarray(from, from + dims), at * dims);
    });
    return { data: rows, shape: [nodes.length, dims] };
  }

  /** Posteriors of some of its nodes. */
  async predict(model: EndModel, nodes: readonly number[]): Promise<Float64Array> {
    return model.predictProbaAsync(this.#rows(nodes), this.#options);
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
