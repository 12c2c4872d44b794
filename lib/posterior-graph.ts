// The graph of nearest rows on which posteriors travel.
import { runJob } from './job.js';
import { addon, type GraphHandle } from './native.js';
import type { NeighborLists } from './neighbor-lists.js';
import type { AsyncOptions, CallOptions } from './types.js';

/** Rounds of smoothing; a new row goes through the last one. More change little (bench/quality). */
export const ROUNDS = 5;
/** Where settings are compared: more hardly change which is best (bench/quality/extension.md). */
const COMPARED_ROUNDS = 3;
const SMALLEST_LOSS_PROBA = 1e-3;

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

/** @internal All rows: posteriors (n x K), and which have votes or a neighbour that counts. */
export interface SmoothedRows {
  readonly proba: Float64Array;
  readonly evidence: Uint8Array;
  readonly beliefs: Beliefs;
}

/** Log-loss of every gold row and its mean (probabilities below 0.001 count as that), and accuracy. */
export interface Judgement {
  readonly losses: Float64Array;
  readonly loss: number;
  readonly accuracy: number;
}

/** @internal The fitted rows (and gold rows of their own) with their evidence: what settings are tried on. */
export class PosteriorGraph {
  /** Neighbours per row. */
  readonly k: number;
  readonly rows: number;
  readonly classes: number;
  /** Rows with a gold label, ascending, and their class indices. */
  readonly known: readonly number[];
  readonly #labels: readonly number[];
  readonly #handle: GraphHandle;
  readonly #options: CallOptions & AsyncOptions;

  /**
   * @param handle filled.
   * @param known row and class index of every gold row, by row.
   */
  constructor(
    handle: GraphHandle,
    { rows, k }: { readonly rows: number; readonly k: number },
    known: readonly (readonly [row: number, label: number])[],
    classes: number,
    { threads, signal }: CallOptions & AsyncOptions,
  ) {
    this.#handle = handle;
    this.rows = rows;
    this.k = k;
    this.known = known.map(([row]) => row);
    this.#labels = known.map(([, label]) => label);
    this.classes = classes;
    this.#options = { threads, signal };
  }

  /** @param labels class index of every row, -1: unknown. */
  static async of(
    { indices, weights, rows, k }: NeighborLists,
    { proba, counts }: OwnEvidence,
    labels: Int32Array,
    balance: readonly number[],
    options: CallOptions & AsyncOptions,
  ): Promise<PosteriorGraph> {
    const handle = addon.newPosteriorGraph();
    const known: [number, number][] = [];
    labels.forEach((label, row) => {
      if (label >= 0) known.push([row, label]);
    });
    await runJob({ signal: options.signal }, (control) =>
      addon.fillPosteriorGraph(
        handle,
        indices,
        weights,
        rows,
        k,
        proba,
        counts,
        labels,
        Float64Array.from(balance),
        options.threads ?? 0,
        control,
      ),
    );
    return new PosteriorGraph(handle, { rows, k }, known, balance.length, options);
  }

  /** Per setting every gold row's posterior (in their order), smoothed in three rounds with the labels of its fold hidden. */
  async crossValidate(settings: readonly Settings[], folds: number): Promise<Float64Array[]> {
    const size = this.known.length * this.classes;
    const out = new Float64Array(settings.length * size);
    const own = Float64Array.from(settings, ({ ownWeight }) => ownWeight);
    const gold = Float64Array.from(settings, ({ goldWeight }) => goldWeight);
    await runJob({ signal: this.#options.signal }, (control) =>
      addon.posteriorFolds(this.#handle, own, gold, folds, COMPARED_ROUNDS, out, this.#options.threads ?? 0, control),
    );
    return settings.map((_, s) => out.subarray(s * size, (s + 1) * size));
  }

  /** All rows smoothed, with the labels of one fold of the gold rows hidden, or of none; undefined: their own votes alone. */
  async smooth(settings: Settings | undefined, hidden?: { fold: number; folds: number }): Promise<SmoothedRows> {
    const { classes } = this;
    const state = new Float64Array(this.rows * classes);
    const beliefs = { state, weight: new Float64Array(this.rows), mean: new Float64Array(classes) };
    const proba = new Float64Array(state.length);
    const evidence = new Uint8Array(this.rows);
    await runJob({ signal: this.#options.signal }, (control) =>
      addon.smoothGraph(
        this.#handle,
        settings?.ownWeight ?? 1,
        settings?.goldWeight ?? 0,
        settings ? ROUNDS : 0,
        hidden?.fold ?? -1,
        hidden?.folds ?? 1,
        proba,
        evidence,
        state,
        beliefs.weight,
        beliefs.mean,
        this.#options.threads ?? 0,
        control,
      ),
    );
    return { proba, evidence, beliefs };
  }

  /** What the gold rows' own votes say. */
  direct(): Float64Array {
    return addon.posteriorGraphGold(this.#handle);
  }

  /** Gold rows of the class that has fewest. */
  get rarest(): number {
    const counts = new Array<number>(this.classes).fill(0);
    for (const label of this.#labels) counts[label]! += 1;
    return Math.min(...counts);
  }

  /** How well posteriors of the gold rows, in their order, meet their labels. */
  judge(proba: Float64Array): Judgement {
    const { classes } = this;
    const losses = new Float64Array(this.known.length);
    let right = 0;
    this.#labels.forEach((label, at) => {
      const from = at * classes;
      const said = proba[from + label]!;
      losses[at] = -Math.log(Math.max(SMALLEST_LOSS_PROBA, said));
      let rivals = 0;
      for (let i = from; i < from + classes; i++) if (proba[i]! >= said) rivals++;
      if (rivals === 1) right++; // the label itself
    });
    const loss = losses.reduce((sum, one) => sum + one, 0) / losses.length;
    return { losses, loss, accuracy: right / losses.length };
  }
}

/** Lists as the native calls take them. */
export const nativeLists = ({ indices, weights, rows, k }: NeighborLists, support: number) =>
  [indices, weights, rows, k, support] as const;
