// The graph of nearest rows on which posteriors travel, and the choice of how much own votes and gold rows count.
import { runJob } from './job.js';
import { addon } from './native.js';
import { type NeighborLists, pickLists } from './neighbor-lists.js';
import type { AsyncOptions, CallOptions } from './types.js';

/** Rounds of smoothing; a new row goes through the last one. More change little (bench/quality). */
const ROUNDS = 5;
/** n votes count as much as sqrt(n) independent ones, times this: votes are dependent, their product overstates them. */
const OWN_WEIGHT = 1;
const OWN_WEIGHTS = [0.5, 0.25];
/** How many rows without a gold label a gold row counts for among neighbours. */
const GOLD_WEIGHT = 10;
const GOLD_WEIGHTS = [3, 30];
/** Fewer labels cannot choose between settings. */
const MIN_GOLD = 10;
const FOLDS = 5;
const SMALLEST_LOSS_PROBA = 1e-3;
const SMALLEST_OWN_PROBA = 1e-6;

/** Rows with their own posteriors (n x K) and how many labelling functions vote on them. */
export interface OwnEvidence {
  readonly proba: Float64Array;
  readonly counts: Int32Array;
}

/** What smoothing was done with, and what it is worth on the gold rows. */
export interface SmoothingReport {
  /** Nearest rows per row; 0: on the gold rows the row's own votes alone did better, neighbours are not used. */
  readonly neighbors: number;
  readonly rounds: number;
  /** A row's own n votes count as ownWeight * sqrt(n) independent ones. */
  readonly ownWeight: number;
  /** How many other rows a gold row counts for as a neighbour; 0: not at all. */
  readonly goldWeight: number;
  readonly goldRows: number;
  /** How the two weights came about. */
  readonly source: 'default' | 'gold';
  /** With at least 10 gold rows: their accuracy, each predicted with the labels of its fifth hidden. */
  readonly score?: number;
  /** The same from the rows' own votes alone. */
  readonly scoreWithout?: number;
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

/** @internal The fitted rows (and gold rows of their own) with their evidence: what settings are tried on. */
export class PosteriorGraph {
  /** Nodes with a gold label. */
  readonly known: readonly number[];
  readonly #lists: NeighborLists;
  readonly #proba: Float64Array;
  readonly #counts: Int32Array;
  readonly #labels: Int32Array;
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
    this.#labels = labels;
    this.#balance = balance;
    this.#options = { threads, signal };
    this.known = Array.from(labels.keys()).filter((node) => labels[node]! >= 0);
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
    for (const node of clamped) gold[node] = this.#labels[node]!;
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

  /** The last round for some nodes; their own gold labels play no part in it. */
  async smooth({ state, weight, mean }: Beliefs, ownWeight: number, nodes: readonly number[]): Promise<Float64Array> {
    const classes = mean.length;
    const lists = pickLists(this.#lists, nodes);
    const own = pickRows(this.#own(ownWeight), classes, nodes);
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

  /** Every gold row's posterior, predicted without its own label: folds of every fifth one. */
  async #crossValidate(settings: Settings): Promise<{ loss: number; accuracy: number }> {
    const out = new Float64Array(this.known.length * this.#balance.length);
    const folds = settings.goldWeight === 0 ? 1 : FOLDS;
    for (let fold = 0; fold < folds; fold++) {
      const held = this.known.filter((_, at) => at % folds === fold);
      const clamped = folds === 1 ? [] : this.known.filter((_, at) => at % folds !== fold);
      const proba = await this.smooth(await this.propagate(settings, clamped), settings.ownWeight, held);
      const classes = this.#balance.length;
      held.forEach((_, at) => {
        out.set(proba.subarray(at * classes, (at + 1) * classes), (at * folds + fold) * classes);
      });
    }
    return this.#judge(out);
  }

  #judge(proba: Float64Array): { loss: number; accuracy: number } {
    const classes = this.#balance.length;
    let loss = 0;
    let right = 0;
    this.known.forEach((node, at) => {
      const row = proba.subarray(at * classes, (at + 1) * classes);
      const label = this.#labels[node]!;
      loss -= Math.log(Math.max(SMALLEST_LOSS_PROBA, row[label]!));
      if (row.every((p, y) => y === label || p < row[label]!)) right++;
    });
    return { loss: loss / this.known.length, accuracy: right / this.known.length };
  }

  /** The gold weight first, then the own weight at that; own votes alone if they are right more often. */
  async choose(): Promise<{ settings: Settings; report: SmoothingReport }> {
    const goldRows = this.known.length;
    const start = { ownWeight: OWN_WEIGHT, goldWeight: goldRows === 0 ? 0 : GOLD_WEIGHT };
    const neighbors = this.#lists.k;
    if (goldRows < MIN_GOLD) {
      const report = { neighbors, rounds: ROUNDS, ...start, goldRows, source: 'default' } as const;
      return { settings: start, report };
    }
    let best = { settings: start, ...(await this.#crossValidate(start)) };
    const consider = async (settings: Settings) => {
      const tried = await this.#crossValidate(settings);
      if (tried.loss < best.loss) best = { settings, ...tried };
    };
    for (const goldWeight of [0, ...GOLD_WEIGHTS]) await consider({ ...start, goldWeight });
    const { goldWeight } = best.settings;
    for (const ownWeight of OWN_WEIGHTS) await consider({ ownWeight, goldWeight });
    const direct = this.#judge(pickRows(this.#proba, this.#balance.length, this.known));
    const alone = direct.accuracy > best.accuracy;
    const settings = alone ? { ownWeight: 1, goldWeight: 0 } : best.settings;
    const report: SmoothingReport = {
      neighbors: alone ? 0 : neighbors,
      rounds: ROUNDS,
      ...settings,
      goldRows,
      source: 'gold',
      score: alone ? direct.accuracy : best.accuracy,
      scoreWithout: direct.accuracy,
    };
    return { settings, report };
  }
}

/** balance^(1 - a) * proba^a, a = ownWeight / sqrt(votes): the class balance times the votes' likelihood to the power a. */
export function ownFactor({ proba, counts }: OwnEvidence, balance: readonly number[], ownWeight: number): Float64Array {
  return proba.map((q, at) => {
    const exponent = ownWeight / Math.sqrt(Math.max(1, counts[Math.floor(at / balance.length)]!));
    return balance[at % balance.length]! ** (1 - exponent) * Math.max(q, SMALLEST_OWN_PROBA) ** exponent;
  });
}

function pickRows(values: Float64Array, columns: number, rows: readonly number[]): Float64Array {
  const picked = new Float64Array(rows.length * columns);
  rows.forEach((row, at) => {
    picked.set(values.subarray(row * columns, (row + 1) * columns), at * columns);
  });
  return picked;
}

/** Lists as the native calls take them. */
export const nativeLists = ({ indices, weights, rows, k }: NeighborLists, support: number) =>
  [indices, weights, rows, k, support] as const;
