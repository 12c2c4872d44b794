// Rows with known labels judge thresholds by the labels that the extended votes give them.
import type { LabelModel } from './label-model.js';
import { softLabelsAsync } from './soft-posterior.js';
import type { AsyncOptions, CallOptions } from './types.js';
import type { VoterReach } from './voter-reach.js';

/** How many rows get their label, and the label that rows left undecided should get. */
export interface Score {
  readonly right: number;
  readonly fallback: number;
}

/** @internal */
export class ThresholdJudge {
  readonly reach: VoterReach;
  readonly labels: Int8Array;
  readonly #model: LabelModel;
  readonly #options: CallOptions & AsyncOptions;

  /** Rows whose label is 0 (unknown) are left out; so are rows beyond `most`, evenly. */
  static of(
    reach: VoterReach,
    labels: Int8Array,
    most: number,
    model: LabelModel,
    options: CallOptions & AsyncOptions,
  ): ThresholdJudge {
    const known = Array.from(labels.keys()).filter((row) => labels[row] !== 0);
    const step = Math.max(1, known.length / most);
    const rows = Array.from({ length: Math.min(most, known.length) }, (_, at) => known[Math.floor(at * step)]!);
    const mine = Int8Array.from(rows, (row) => labels[row]!);
    return new ThresholdJudge(reach.pick(rows), mine, model, options);
  }

  constructor(reach: VoterReach, labels: Int8Array, model: LabelModel, options: CallOptions & AsyncOptions) {
    this.reach = reach;
    this.labels = labels;
    this.#model = model;
    this.#options = options;
  }

  get rows(): number {
    return this.labels.length;
  }

  pick(rows: readonly number[]): ThresholdJudge {
    const labels = Int8Array.from(rows, (row) => this.labels[row]!);
    return new ThresholdJudge(this.reach.pick(rows), labels, this.#model, this.#options);
  }

  /** Labels at these thresholds, one per labelling function; 0: undecided. */
  async predict(thresholds: ArrayLike<number>): Promise<Int8Array> {
    return softLabelsAsync(this.#model, this.reach.within(thresholds), this.#options);
  }

  /** 1 per row whose label is right, undecided rows getting the fallback. */
  async right(thresholds: ArrayLike<number>, fallback: number): Promise<Uint8Array> {
    const predicted = await this.predict(thresholds);
    return Uint8Array.from(this.labels, (label, row) => ((predicted[row] || fallback) === label ? 1 : 0));
  }

  /** With the fallback that serves these rows best; among equal ones the likelier class. */
  async score(thresholds: ArrayLike<number>): Promise<Score> {
    const predicted = await this.predict(thresholds);
    const missed = new Map<number, number>();
    let right = 0;
    this.labels.forEach((label, row) => {
      if (predicted[row] === label) right++;
      else if (predicted[row] === 0) missed.set(label, (missed.get(label) ?? 0) + 1);
    });
    const { classBalance, classes } = this.#model;
    const labels = classBalance.map((p, c) => ({ p, label: classes === 0 ? c * 2 - 1 : c + 1 }));
    labels.sort((a, b) => (missed.get(b.label) ?? 0) - (missed.get(a.label) ?? 0) || b.p - a.p);
    const fallback = labels[0]!.label;
    return { right: right + (missed.get(fallback) ?? 0), fallback };
  }
}
