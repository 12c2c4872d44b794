// What a session takes and tells: plain data.
import type { Embeddings } from './embedding-set.js';
import type { LabelModelOptions } from './label-model.js';
import type { LfStatistics } from './session-report.js';
import type { CallOptions, Metric } from './types.js';

/** A labelling function: its name and its votes on all rows (0 = abstain; -1/+1, or 1..K). */
export interface SessionLf {
  readonly name: string;
  readonly votes: Int8Array;
  /** As for `extendVotes`; default: the session's. */
  readonly threshold?: number | undefined;
}

/** Labels of some rows, 0 = unknown. */
export interface SessionGold {
  readonly rows: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
}

/** What {@link Session.open} takes. */
export interface SessionInput extends CallOptions {
  readonly embeddings: Embeddings;
  /** Default 'cosine'. */
  readonly metric?: Metric | undefined;
  /** K for votes 1..K; absent: a binary task, votes -1/+1. */
  readonly classes?: number | undefined;
  readonly lfs?: readonly SessionLf[] | undefined;
  /**
   * How rows learn from rows near them, as for `Epoxy.fit`. Default: 'posterior' as long as there is no threshold, neither
   * the session's nor a labelling function's that reaches beyond its own votes; else 'votes', where labelling functions
   * without a threshold extend nothing. 'posterior' is that of `Epoxy.fit` with `endModel: false`: an end model takes longer
   * than a screen waits.
   */
  readonly extension?: 'votes' | 'posterior' | undefined;
  /** Threshold of labelling functions that name none; default: nothing is extended. */
  readonly threshold?: number | undefined;
  /** Nearest rows of extension 'posterior'; default about sqrt(n), at most 50. */
  readonly k?: number | undefined;
  readonly gold?: SessionGold | undefined;
  /** How the label model is fitted; the class balance comes from the gold rows unless it is given here. */
  readonly model?: LabelModelOptions | undefined;
  /** Neighbours kept per row, 8 bytes each; default: about 256 MiB in all, but 64 to 256 a row. At least k, if that may be used. */
  readonly neighbors?: number | undefined;
}

/** What an edit changed. Rows ascend. */
export interface SessionChange {
  /** Rows whose label, posterior, or being covered (by a vote, or under extension 'posterior' by a neighbour) changed. */
  readonly labels: Int32Array;
  readonly posteriors: Int32Array;
  readonly coverage: Int32Array;
  /** The labelling function that was edited, as it is now. */
  readonly lf?: LfStatistics;
  /** Cells that the neighbour lists could not answer and that were searched among the voters. */
  readonly lookedUp: number;
  /** From the start of the edit to its result. */
  readonly milliseconds: number;
}

/** @internal Gold rows, checked. */
export interface SessionGoldRows {
  readonly rows: Int32Array;
  readonly labels: Int8Array;
}
