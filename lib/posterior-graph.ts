// The graph of nearest rows on which posteriors travel.
import { runJob } from './job.js';
import { addon } from './native.js';
import { type NeighborLists, pickLists } from './neighbor-lists.js';
import type { AsyncOptions, CallOptions } from './types.js';

/** Rounds of smoothing; a new row goes through the last one. More change little (bench/quality). */
export const ROUNDS = 5;
const SMALLEST_LOSS_PROBA = 1e-3;
const SMALLEST_OWN_PROBA = 1e-6;

/** Rows with their own posteriors (n x K) and how many labelling functions vote on them. */
export interface OwnEvidence {
  readonly proba: Float64Array;
  readonly counts: Int32Array;
}

/** @internal */
export interface Settings {
  readonly ownWeight: number;
  readonly goldWeight: number;
}

/** @internal What new rows are smoothed with: states (S x K) and weights of the support rows, and the mean state. */
export interface Beliefs {
  readonly state: Float64Array;
  readonly weight: Float64Array;
  readonly mean: Float64Array;
}

/** Mean log-loss (probabilities below 0.001 count as that) and accuracy. */
export interface Judgement {
  readonly loss: number;
  readonly accuracy: number;
}

/** @internal The fitted rows (and gold rows of their own) with their evidence: what settings are tried on. */
export class PosteriorGraph {
  /** Number of rows, gold rows of their own included. */
  readonly nodes: number;
  /** Neighbours per row. */
  readonly k: number;
  /** Class index of every node, -1: unknown. */
  readonly labels: Int32Array;
  readonly classes: number;
  /** Nodes with a gold label. */
  readonly known: readonly number[];
  readonly #lists: NeighborLists;
  readonly #proba: Float64Array;
  readonly #counts: Int32Array;
  readonly #balance: readonly number[];
  readonly #options: CallOptions & AsyncOptions;
  #cached: { readonly ownWeight: number; readonly factor: Float64Array } | undefined;

  constructor(
    lists: NeighborLists,
    proba: Float64Array,
    counts: Int32Array,
    labels: Int32Array,
    balance: readonly number[],
    { threads, signal }: CallOptions & AsyncOptions,
  ) {
    this.#lists = lists;
    this.#proba = proba;
    this.#counts = counts;
    this.labels = labels;
    this.nodes = lists.rows;
    this.k = lists.k;
    this.classes = balance.length;
    this.#balance = balance;
    this.#options = { threads, signal };
    this.known = knownNodes(labels);
  }

  /** Own factors of all nodes under the weight asked for last. */
  #own(ownWeight: number): Float64Array {
    if (this.#cached?.ownWeight !== ownWeight) {
      const factor = ownFactor({ proba: this.#proba, counts: this.#counts }, this.#balance, ownWeight);
      this.#cached = { ownWeight, factor };
    }
    return this.#cached.factor;
  }

  /** Beliefs after all rounds but the last, with the labels of `clamped` known. */
  async propagate({ ownWeight, goldWeight }: Settings, clamped: readonly number[]): Promise<Beliefs> {
    const classes = this.#balance.length;
    const gold = new Int32Array(this.#lists.rows).fill(-1);
    for (const node of clamped) gold[node] = this.labels[node]!;
    const beliefs = this.unlinked();
    const own = this.#own(ownWeight);
    const { state, weight, mean } = beliefs;
    const rounds = ROUNDS - 1;
    await runJob({ signal: this.#options.signal }, (control) =>
      addon.propagatePosterior(
        ...nativeLists(this.#lists, this.#lists.rows),
        this.#proba,
        this.#counts.map((count) => Math.min(count, 1)),
        gold,
        own,
        classes,
        goldWeight,
        rounds,
        state,
        weight,
        mean,
        this.#options.threads ?? 0,
        control,
      ),
    );
    return beliefs;
  }

  /** Beliefs under which no row counts as a neighbour. */
  unlinked(): Beliefs {
    const state = new Float64Array(this.#proba.length);
    return { state, weight: new Float64Array(this.#lists.rows), mean: Float64Array.from(this.#balance, () => 1) };
  }

  /** The last round for some nodes, ascending; their own gold labels play no part in it. */
  async smooth({ state, weight, mean }: Beliefs, ownWeight: number, nodes: readonly number[]): Promise<Float64Array> {
    const classes = mean.length;
    const all = nodes.length === this.#lists.rows;
    const lists = all ? this.#lists : pickLists(this.#lists, nodes);
    const own = all ? this.#own(ownWeight) : pickRows(this.#own(ownWeight), classes, nodes);
    const out = new Float64Array(nodes.length * classes);
    await runJob({ signal: this.#options.signal }, (control) =>
      addon.smoothPosterior(
        ...nativeLists(lists, weight.length),
        state,
        weight,
        mean,
        own,
        classes,
        out,
        this.#options.threads ?? 0,
        control,
      ),
    );
    return out;
  }

  /** Every node. */
  all(): number[] {
    return Array.from({ length: this.nodes }, (_, node) => node);
  }

  /** What the rows' own votes say of some nodes. */
  direct(nodes: readonly number[]): Float64Array {
    return pickRows(this.#proba, this.#balance.length, nodes);
  }

  /** How well posteriors of the known nodes, in their order, meet their labels. */
  judge(proba: Float64Array): Judgement {
    const classes = this.#balance.length;
    let loss = 0;
    let right = 0;
    this.known.forEach((node, at) => {
      const row = proba.subarray(at * classes, (at + 1) * classes);
      const label = this.labels[node]!;
      loss -= Math.log(Math.max(SMALLEST_LOSS_PROBA, row[label]!));
      if (row.every((p, y) => y === label || p < row[label]!)) right++;
    });
    return { loss: loss / this.known.length, accuracy: right / this.known.length };
  }
}

/** balance^(1 - a) * proba^a, a = ownWeight / sqrt(votes): the class balance times the votes' likelihood to the power a. */
export function ownFactor({ proba, counts }: OwnEvidence, balance: readonly number[], ownWeight: number): Float64Array {
  const classes = balance.length;
  const factor = new Float64Array(proba.length);
  // Rows with as many votes share what does not depend on their posterior.
  const shared: { exponent: number; start: readonly number[] }[] = [];
  for (let row = 0; row < counts.length; row++) {
    const count = Math.max(1, counts[row]!);
    let known = shared[count];
    if (known === undefined) {
      const exponent = ownWeight / Math.sqrt(count);
      known = { exponent, start: balance.map((p) => p ** (1 - exponent)) };
      shared[count] = known;
    }
    for (let y = 0; y < classes; y++) {
      const at = row * classes + y;
      factor[at] = known.start[y]! * Math.max(proba[at]!, SMALLEST_OWN_PROBA) ** known.exponent;
    }
  }
  return factor;
}

export function pickRows(values: Float64Array, columns: number, rows: readonly number[]): Float64Array {
  const picked = new Float64Array(rows.length * columns);
  rows.forEach((row, at) => {
    picked.set(values.subarray(row * columns, (row + 1) * columns), at * columns);
  });
  return picked;
}

/** Lists as the native calls take them. */
export const nativeLists = ({ indices, weights, rows, k }: NeighborLists, support: number) =>
  [indices, weights, rows, k, support] as const;

function knownNodes(labels: Int32Array): readonly number[] {
  const known: number[] = [];
  labels.forEach((label, node) => {
    if (label >= 0) known.push(node);
  });
  return known;
}
