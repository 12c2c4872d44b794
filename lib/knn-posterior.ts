// Extension without thresholds: a row's posterior from its own votes and from the posteriors of its nearest rows.
import { rangeError } from './check.js';
import { EmbeddingSet, type Embeddings } from './embedding-set.js';
import { runJob } from './job.js';
import { addon, type Control } from './native.js';
import { joinLists, type NeighborLists, neighborLists, neighborListsAsync, type Support } from './neighbor-lists.js';
import { choose, MIN_GOLD, type SmoothingReport } from './posterior-choice.js';
import { EndModelTrainer, type MixedEndModel, type OwnVotes, withEndModel } from './posterior-end-model.js';
import { type Beliefs, nativeLists, type OwnEvidence, PosteriorGraph } from './posterior-graph.js';
import type { AsyncOptions, CallOptions } from './types.js';

/** About sqrt(n) neighbours (the classical rate for k nearest neighbours), at most this many. */
const MAX_NEIGHBORS = 50;

/** @internal Gold labels as class indices (-1: unknown), of some of the fitted rows or of rows of their own. */
export type GoldEvidence = { readonly labels: Int32Array } & (
  | { readonly rows: Int32Array }
  | (OwnEvidence & { readonly embeddings: EmbeddingSet })
);

/** @internal The part of the state that JSON keeps. */
export interface KnnPosteriorState extends Beliefs {
  readonly k: number;
  readonly ownWeight: number;
  readonly classBalance: readonly number[];
  readonly endModel?: MixedEndModel | undefined;
}

/** What {@link KnnPosterior.fit} is done with. */
export interface KnnPosteriorOptions extends CallOptions, AsyncOptions {
  readonly k?: number | undefined;
  /** Default true: an end model beside the neighbours, as far as the gold rows ask for it. */
  readonly endModel?: boolean | undefined;
  readonly onLists?: () => void;
}

/** About sqrt(n) neighbours, at most 50. */
export const defaultNeighbors = (rows: number) =>
  Math.max(1, Math.min(MAX_NEIGHBORS, Math.ceil(Math.sqrt(rows)), rows - 1));

/** @internal Posteriors of fitted rows, propagated over the graph of nearest rows, and of any other rows. */
export class KnnPosterior {
  readonly #state: KnnPosteriorState;
  readonly #support: Support;

  constructor(state: KnnPosteriorState, support: Support) {
    const rows = support.reduce((sum, set) => sum + set.shape[0], 0);
    if (state.weight.length !== rows)
      throw rangeError(`${state.weight.length} rows`, 'support and gold rows', String(rows));
    this.#state = state;
    this.#support = support;
  }

  get state(): KnnPosteriorState {
    return this.#state;
  }

  /**
   * @param rows the fitted rows' embeddings and own evidence.
   * @param gold clamped rows; with 10 labels or more they also choose the weights, by cross-validated log-loss.
   * @returns the smoother, the fitted rows' posteriors (n x K) and evidence (1: own votes or a neighbour), and a report.
   */
  static async fit(
    rows: OwnEvidence & { readonly embeddings: EmbeddingSet },
    gold: GoldEvidence | undefined,
    classBalance: readonly number[],
    options: KnnPosteriorOptions,
  ): Promise<{ smoother: KnnPosterior; proba: Float64Array; evidence: Uint8Array; report: SmoothingReport }> {
    const separate = gold && 'embeddings' in gold ? gold : undefined;
    const support: Support = separate ? [rows.embeddings, separate.embeddings] : [rows.embeddings];
    const [n] = rows.embeddings.shape;
    const total = n + (separate?.embeddings.shape[0] ?? 0);
    const k = Math.min(options.k ?? defaultNeighbors(total), Math.max(1, total - 1));
    let lists = await neighborListsAsync(rows.embeddings, n, support, k, { ...options, selfFrom: 0 });
    if (separate) {
      const { onProgress: _, ...quiet } = options;
      const more = { ...quiet, selfFrom: n };
      lists = joinLists(lists, await neighborListsAsync(separate.embeddings, total - n, support, k, more));
    }
    options.onLists?.();
    const own = separate
      ? { proba: joinFloats(rows.proba, separate.proba), counts: joinCounts(rows.counts, separate.counts) }
      : rows;
    const labels = goldOf(gold, n, total);
    const graph = await PosteriorGraph.of(lists, own, labels, classBalance, options);
    const trainer =
      options.endModel === false || graph.known.length < MIN_GOLD
        ? undefined
        : new EndModelTrainer(support, labels, { ...own, classBalance }, options);
    const { settings, endModelWeight, endModelSource, report } = await choose(graph, trainer);
    const smoothed = await graph.smooth(report.neighbors === 0 ? undefined : settings);
    const { beliefs } = smoothed;
    const evidence = smoothed.evidence.slice(0, n);
    let all = smoothed.proba;
    let endModel: MixedEndModel | undefined;
    if (trainer && endModelWeight > 0) {
      endModel =
        endModelSource === 'gold'
          ? {
              model: await trainer.trainOnGold(graph.known),
              weight: endModelWeight,
              prior: trainer.frequencies(graph.known),
            }
          : { model: await trainer.train(all, graph.known), weight: endModelWeight };
      const mine = { ...rows, classBalance, ownWeight: settings.ownWeight };
      all = await mixed(all.subarray(0, n * graph.classes), endModel, rows.embeddings, mine, evidence, options);
    }
    const state = { ...beliefs, k, ownWeight: settings.ownWeight, classBalance, endModel };
    const proba = all.slice(0, n * graph.classes);
    return { smoother: new KnnPosterior(state, support), proba, evidence, report };
  }

  #smooth(lists: NeighborLists, own: OwnEvidence, threads: number | undefined) {
    const { state, weight, mean, ownWeight, classBalance } = this.#state;
    const proba = new Float64Array(own.proba.length);
    const evidence = evidenceOf(own.counts, lists, weight);
    const run = (control: Control) =>
      addon.smoothPosterior(
        ...nativeLists(lists, weight.length),
        state,
        weight,
        mean,
        own.proba,
        own.counts,
        Float64Array.from(classBalance),
        ownWeight,
        proba,
        threads ?? 0,
        control,
      );
    return { proba, evidence, run };
  }

  /** Posteriors (n x K) of any rows, and which of them have evidence. */
  smooth(embeddings: Embeddings, own: OwnEvidence, { threads }: CallOptions = {}) {
    const { k, endModel } = this.#state;
    const set = endModel ? this.#asSet(embeddings, threads) : embeddings;
    const lists = neighborLists(set, own.counts.length, this.#support, k, { threads });
    const { proba, evidence, run } = this.#smooth(lists, own, threads);
    run(undefined);
    if (!endModel) return { proba, evidence };
    const model = endModel.model.predictProba(set, { threads });
    if (set !== embeddings) (set as EmbeddingSet).close();
    return { proba: withEndModel(proba, model, endModel, { ...this.#state, ...own }, evidence), evidence };
  }

  /** {@link smooth} as a job. */
  async smoothAsync(embeddings: Embeddings, own: OwnEvidence, options: CallOptions & AsyncOptions = {}) {
    const { k, endModel } = this.#state;
    const { threads, signal, copy } = options;
    const { metric } = this.#support[0];
    const given = embeddings instanceof EmbeddingSet || !endModel;
    const set = given ? embeddings : await EmbeddingSet.create(embeddings, { metric, threads, signal, copy });
    const lists = await neighborListsAsync(set, own.counts.length, this.#support, k, options);
    const { proba, evidence, run } = this.#smooth(lists, own, threads);
    await runJob({ signal }, run);
    if (!endModel) return { proba, evidence };
    const both = await mixed(proba, endModel, set, { ...this.#state, ...own }, evidence, { threads, signal });
    if (!given) (set as EmbeddingSet).close();
    return { proba: both, evidence };
  }

  /** Rows as the fitted ones are held: what an end model takes. */
  #asSet(embeddings: Embeddings, threads: number | undefined): EmbeddingSet {
    if (embeddings instanceof EmbeddingSet) return embeddings;
    return new EmbeddingSet(embeddings, { metric: this.#support[0].metric, threads });
  }
}

async function mixed(
  proba: Float64Array,
  endModel: MixedEndModel,
  embeddings: Embeddings,
  own: OwnVotes,
  evidence: Uint8Array,
  { threads, signal }: CallOptions & AsyncOptions,
): Promise<Float64Array> {
  const said = await endModel.model.predictProbaAsync(embeddings, { threads, signal });
  return withEndModel(proba, said, endModel, own, evidence);
}

/** 1 where a row has a vote of its own or a neighbour that counts. */
function evidenceOf(
  counts: Int32Array,
  { indices, weights, k }: NeighborLists,
  supportWeight: Float64Array,
): Uint8Array {
  const evidence = new Uint8Array(counts.length);
  for (let row = 0; row < counts.length; row++) {
    let any = counts[row]! > 0;
    for (let at = row * k; !any && at < (row + 1) * k; at++) any = weights[at]! > 0 && supportWeight[indices[at]!]! > 0;
    evidence[row] = any ? 1 : 0;
  }
  return evidence;
}

function goldOf(gold: GoldEvidence | undefined, n: number, total: number): Int32Array {
  const labels = new Int32Array(total).fill(-1);
  if (gold === undefined) return labels;
  gold.labels.forEach((label, at) => {
    labels['rows' in gold ? gold.rows[at]! : n + at] = label;
  });
  return labels;
}

function joinFloats(a: Float64Array, b: Float64Array): Float64Array {
  const joined = new Float64Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

function joinCounts(a: Int32Array, b: Int32Array): Int32Array {
  const joined = new Int32Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
