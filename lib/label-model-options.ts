import type { ClassBalance } from './class-balance.js';
import type { CallOptions } from './types.js';

/** @internal */
export const METHODS = [
  'majority',
  'triplet-mean',
  'triplet-median',
  'triplet-weighted',
  'covariance',
  'auto',
] as const;
/** How accuracies are found; see {@link LabelModel.fit}. */
export type LabelMethod = (typeof METHODS)[number];

/** FlyingSquid's own switches; the defaults are the reference's. */
export interface FlyingSquidCompat {
  readonly name: 'flyingsquid';
  /** Negative clique entries become positive. Default true. */
  readonly flipNegative?: boolean | undefined;
  /** Without `flipNegative`: negative clique entries become 1e-8. Default true. */
  readonly clamp?: boolean | undefined;
  /** 'reference' counts the class balance twice (the reference does); 'exact' once. Default 'reference'. */
  readonly posterior?: 'reference' | 'exact' | undefined;
}

/** How {@link LabelModel.fit} learns. Other names are refused: a misspelt one would be ignored. */
export interface LabelModelOptions extends CallOptions {
  readonly method?: LabelMethod | undefined;
  /**
   * Default 'uniform'. 'estimate' takes it from how often votes stand alone and go uncontradicted: consistent where LFs err
   * independently given the label, led astray where they do not. `classBalanceInterval` of the model tells how far
   * the votes determine it; a few labelled rows (`{ labels }`) are better.
   */
  readonly classBalance?: ClassBalance | undefined;
  /** Reproduce FlyingSquid as shipped, its faults included (method 'triplet-mean' or 'triplet-median'). */
  readonly compat?: 'flyingsquid' | FlyingSquidCompat | undefined;
  /** Only with `compat`: these triplets of LF indices instead of all, a later one overwriting an earlier one. */
  readonly triplets?: ReadonlyArray<readonly [number, number, number]> | undefined;
  /** 'recover' (default): an LF may be worse than random. 'all-positive': none is (the reference's rule). */
  readonly signs?: 'recover' | 'all-positive' | undefined;
}

/** What fitting found out about one labelling function. */
export interface LfAccuracy {
  /**
   * P(vote = Y | the LF votes). Under `compat` the reference's number instead: P(vote = Y), abstains counted as wrong, not
   * clamped.
   */
  readonly estimate: number;
  /** 95 % interval; 0 and 1 where the method tells none (majority, prior of triplets, compat). */
  readonly low: number;
  readonly high: number;
  /** -1: its votes speak against the class they name. */
  readonly sign: 1 | -1;
  /** Share of rows it votes on. */
  readonly coverage: number;
  /** The raw estimate lay outside what its number of votes can support and was moved to the nearest value inside. */
  readonly clamped: boolean;
  /** Nothing in the votes tells its accuracy; the estimate is the prior's. */
  readonly fromPrior: boolean;
}

/** What a label is where the posterior does not decide. */
export interface PredictOptions extends CallOptions {
  /** Two likeliest classes within 1e-9 of each other: 'abstain' (default) gives 0, 'prior' the likelier class. */
  readonly ties?: 'abstain' | 'prior' | undefined;
  /** Rows without a vote: 'abstain' (default) gives 0, 'prior' the likeliest class. */
  readonly uncovered?: 'abstain' | 'prior' | undefined;
}
