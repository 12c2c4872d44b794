// What Epoxy.fit takes and reports, and the state a fitted Epoxy holds.
import type { EmbeddingSet } from './embedding-set.js';
import type { PosteriorExtension } from './epoxy-posterior.js';
import type { VotedRows } from './extend.js';
import type { CheckedGold, Gold } from './gold.js';
import type { LabelModel, LabelModelOptions, LfAccuracy } from './label-model.js';
import type { PartitionReport } from './partition-choice.js';
import type { PartitionedModel } from './partitioned-model.js';
import type { SmoothingReport } from './posterior-choice.js';
import type { EmbeddingTransform, TransformName, TransformOptions } from './transform.js';
import type { TransformScores } from './transform-choice.js';
import type { Metric, SearchOptions, VoteMatrix } from './types.js';

/** What `Epoxy.fit` takes. */
export interface EpoxyInput extends VotedRows, SearchOptions {
  /** Default: that of an EmbeddingSet, else 'cosine'. */
  readonly metric?: Metric | undefined;
  /**
   * How rows learn from rows near them.
   * - 'posterior' (default, unless thresholds are given): no threshold. The label model's posterior of a row's own votes is
   *   combined with the posteriors of its k nearest rows, in rounds; gold rows are neighbours too.
   * - 'votes' (default where thresholds are given): Epoxy's rule. Where a labelling function abstains, the vote of its
   *   nearest voter counts if that is near enough.
   */
  readonly extension?: 'votes' | 'posterior' | undefined;
  /**
   * Of extension 'votes': one for all labelling functions or one each (as for `extendVotes`), or 'auto' (default). With gold:
   * one for all, and from there one for each in turn if cross-validation on the gold rows prefers that; never worse on
   * them than no extension. Without gold: one for all, where rows with direct votes, which are hidden while they judge,
   * begin to be reached by more wrong votes than right ones (classes weighed alike).
   */
  readonly thresholds?: number | ArrayLike<number> | 'auto' | undefined;
  /**
   * What is done to the embeddings first; new rows get the same. Default 'none': sentence embeddings made for cosine lose by
   * the others (bench/quality). 'auto': the one under which rows near each other agree best by their own votes, without any
   * label; 'none' unless another is clearly better. Takes matrices only, no EmbeddingSet.
   */
  readonly transform?: TransformOptions | undefined;
  /** Labels -1/+1 or 1..K; 0 = unknown, ignored. */
  readonly gold?: Gold | undefined;
  /**
   * Extension 'posterior': nearest rows, default about sqrt(n), at most 50. Extension 'votes': nearest voters of each
   * labelling function, default 1; with more, their soft votes count for a row together as one vote (`extendVotes`).
   */
  readonly k?: number | undefined;
  /**
   * Of extension 'posterior': an end model (logistic regression on the embeddings), trained on the posteriors and the gold
   * rows, may have a say beside the neighbours. Its share is chosen by cross-validated log-loss on the gold rows; with
   * fewer than 10 of them there is none. Where every class has 5 gold rows or more, one trained on their labels alone is
   * tried too, and taken if that is better by more than a standard error. Default true.
   */
  readonly endModel?: boolean | undefined;
  /**
   * Label models of their own for this many partitions of the embedding space (k-means), each of n rows shrunk towards the
   * one of all rows by n / (n + 1000), for rules that are better in some places than in others (Liger, arXiv 2203.13270).
   * 'auto': 1, 2, 5 or 10, whichever gives gold labels (10 or more), or else votes given the other votes on their row, the
   * smallest log-loss where they were not fitted. Default 1: more did not pay on the sets in bench/quality. Without effect
   * under majority vote.
   */
  readonly partitions?: number | 'auto' | undefined;
  /**
   * How the label model is fitted; the class balance comes from the gold rows unless it is given here. Without either the
   * classes count as equally frequent: state it, even roughly, where one is rare.
   */
  readonly model?: LabelModelOptions | undefined;
}

/** @internal What the fit works on: checked, votes with a shape; with `copy` in memory of its own. */
export interface CheckedInput extends Omit<EpoxyInput, 'votes' | 'gold' | 'thresholds'> {
  readonly votes: VoteMatrix;
  readonly metric: Metric;
  readonly gold?: CheckedGold | undefined;
  readonly thresholds: Float64Array | 'auto';
}

/** How the thresholds came about, and what the choice is worth on the rows that judged it. */
export interface ThresholdReport {
  /** 'none': extension 'posterior', which needs no threshold. */
  readonly source: 'given' | 'gold' | 'pseudo-gold' | 'none';
  /** Whether every labelling function got a threshold of its own; absent for 'given' and 'none'. */
  readonly each?: boolean;
  /** Accuracy on gold, or balanced accuracy on pseudo-gold, at the chosen thresholds. */
  readonly score?: number;
  /** The same without extension. */
  readonly scoreWithout?: number;
  /**
   * With gold: accuracy of one threshold for all and of one for each labelling function, where every fifth of the gold rows
   * is judged by thresholds that the others chose. The larger decided; one for all if they are equal.
   */
  readonly crossValidated?: { readonly one: number; readonly each: number };
}

/** What a fit did and found, as plain data. */
export interface EpoxyReport {
  readonly rows: number;
  readonly lfs: number;
  readonly metric: Metric;
  readonly extension: 'votes' | 'posterior';
  /** What was done to the embeddings, and the dimensions that are left; under 'auto' how well neighbours agreed. */
  readonly transform: { readonly kind: TransformName; readonly dims: number; readonly scores?: TransformScores };
  /** Share of rows with at least one vote; extended: with a vote or (extension 'posterior') a neighbour that counts. */
  readonly coverage: { readonly direct: number; readonly extended: number };
  /** Cells (row, labelling function) with a vote. */
  readonly cells: { readonly direct: number; readonly extended: number };
  /** Under extension 'posterior' the ones that extend nothing. */
  readonly thresholds: readonly number[];
  readonly thresholdChoice: ThresholdReport;
  /** Where `partitions` were asked for. */
  readonly partitions?: PartitionReport;
  /** Of extension 'posterior'. */
  readonly smoothing?: SmoothingReport;
  /** Label that rows without evidence get under the policy 'prior', chosen on gold rows; absent without gold. */
  readonly fallback?: number;
  readonly method: string;
  readonly classBalance: readonly number[];
  readonly classBalanceSource: string;
  readonly accuracies: readonly LfAccuracy[];
  /** Milliseconds of each stage. */
  readonly timings: {
    readonly neighbors: number;
    readonly thresholds: number;
    readonly fit: number;
    readonly predict: number;
  };
}

/** @internal What prediction needs. */
export interface EpoxyState {
  readonly support: { readonly votes: VoteMatrix; readonly embeddings: EmbeddingSet };
  readonly ownsEmbeddings: boolean;
  readonly thresholds: Float64Array;
  readonly model: LabelModel;
  readonly fallback: number | undefined;
  /** Voters a cell of extension 'votes'. */
  readonly voters: number;
  /** Absent: none. */
  readonly transform?: EmbeddingTransform | undefined;
  /** Absent: one label model for all rows. */
  readonly local?: PartitionedModel | undefined;
  /** Absent: extension 'votes'. */
  readonly posterior?: PosteriorExtension | undefined;
}

/** @internal What a fit adds to the state that prediction needs. */
export interface Fitted {
  readonly votes: VoteMatrix;
  readonly proba: Float64Array;
  readonly labels: Int8Array;
  readonly evidence: Uint8Array;
  readonly report: EpoxyReport;
}

/** @internal Times the stages of a fit. */
export class Stopwatch {
  #last = performance.now();
  readonly laps = { neighbors: 0, thresholds: 0, fit: 0, predict: 0 };

  lap(stage: keyof Stopwatch['laps']): void {
    const now = performance.now();
    this.laps[stage] += now - this.#last;
    this.#last = now;
  }
}

/** @internal What both ways of extending start from: the rows being fitted, packed, and how their embeddings were made. */
export interface PreparedRows {
  readonly support: EpoxyState['support'];
  readonly ownsEmbeddings: boolean;
  /** undefined: none. Scores: of 'auto'. */
  readonly transform: {
    readonly fitted: EmbeddingTransform | undefined;
    readonly scores?: TransformScores | undefined;
  };
}
