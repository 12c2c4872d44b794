// Extension 'posterior' of a session: the smoothing of Epoxy.fit, on the neighbour lists that the session holds.
import { classColumns, labelsOf, publicProba } from './columns.js';
import { runJob } from './job.js';
import { defaultNeighbors, evidenceOf } from './knn-posterior.js';
import type { LabelModel } from './label-model.js';
import { addon } from './native.js';
import type { NeighborLists } from './neighbor-lists.js';
import { choose, type SmoothingReport } from './posterior-choice.js';
import { type Beliefs, PosteriorGraph } from './posterior-graph.js';
import type { EditHandle, SessionHandle } from './session-native.js';
import type { SessionGoldRows } from './session-types.js';
import type { AsyncOptions, Metric } from './types.js';

/** What smoothing gave, and what an explanation of it needs. */
export interface SessionSmoothing {
  readonly report: SmoothingReport;
  readonly lists: NeighborLists;
  readonly beliefs: Beliefs;
}

/** What an edit commits. */
export interface SmoothedRows {
  /** As `LabelModel.predictProba`. */
  readonly proba: Float64Array;
  readonly labels: Int8Array;
  readonly evidence: Uint8Array;
}

/** An edit between its halves. */
interface Pending {
  readonly session: SessionHandle;
  readonly edit: EditHandle;
  readonly model: LabelModel;
  readonly gold: SessionGoldRows | undefined;
  readonly rows: number;
  /** Number of its neighbour lists. */
  readonly lists: number;
}

export class SessionSmoother {
  readonly #metric: Metric;
  readonly #k: number | undefined;
  readonly #threads: number;
  /** The lists used last: only new rows change them. */
  #known: { readonly id: number; readonly k: number; readonly lists: NeighborLists } | undefined;

  constructor(metric: Metric, k: number | undefined, threads: number) {
    this.#metric = metric;
    this.#k = k;
    this.#threads = threads;
  }

  /** The bits of `Epoxy.fit` with extension 'posterior', without an end model, and these rows, votes and gold rows. */
  async smooth(
    { session, edit, model, gold, rows, lists: id }: Pending,
    { signal }: AsyncOptions,
  ): Promise<SmoothedRows & { readonly smoothing: SessionSmoothing }> {
    const classes = model.classBalance.length;
    const own = new Float64Array(model.classes === 0 ? rows : rows * classes);
    const counts = new Int32Array(rows);
    await runJob({ signal }, (control) =>
      addon.sessionOwnEvidence(session, edit, model.flat, own, counts, this.#threads, control),
    );
    const lists = await this.#lists(edit, id, rows, signal);
    const labels = new Int32Array(rows).fill(-1);
    gold?.labels.forEach((label, at) => {
      labels[gold.rows[at]!] = label === 0 ? -1 : model.classes === 0 ? (label === 1 ? 1 : 0) : label - 1;
    });
    const options = { threads: this.#threads || undefined, signal };
    const columns = classColumns(own, model.classes);
    const graph = new PosteriorGraph(lists, columns, counts, labels, model.classBalance, options);
    const { settings, report } = await choose(graph, undefined);
    const beliefs =
      report.neighbors === 0
        ? graph.unlinked()
        : await graph.propagate(settings, settings.goldWeight === 0 ? [] : graph.known);
    const smoothed = await graph.smooth(beliefs, settings.ownWeight, graph.all());
    const evidence = evidenceOf(counts, lists, beliefs.weight);
    return {
      proba: publicProba(smoothed, model.classes),
      labels: labelsOf(smoothed, evidence, model, {}),
      evidence,
      smoothing: { report, lists, beliefs },
    };
  }

  async #lists(edit: EditHandle, id: number, rows: number, signal: AbortSignal | undefined): Promise<NeighborLists> {
    const k = Math.min(this.#k ?? defaultNeighbors(rows), Math.max(1, rows - 1));
    if (this.#known?.id !== id || this.#known.k !== k) {
      const indices = new Int32Array(rows * k);
      const weights = new Float32Array(rows * k);
      await runJob({ signal }, (control) => addon.sessionNearest(edit, k, indices, weights, this.#threads, control));
      addon.neighborWeights(this.#metric, indices, weights, rows, k);
      this.#known = { id, k, lists: { indices, weights, rows, k } };
    }
    return this.#known.lists;
  }
}
