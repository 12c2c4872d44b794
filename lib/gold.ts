// The gold rows: what they are, and how they judge a choice.
import { type CheckedVotes, checkInteger, checkVotes, rangeError, typeError } from './check.js';
import type { EmbeddingSet } from './embedding-set.js';
import { NearestVoters, type VotedRows } from './extend.js';
import type { LabelModel } from './label-model.js';
import type { Metric, VoteMatrix } from './types.js';
import { checkLabels } from './votes.js';

/** The few labelled rows that tune thresholds and class balance: rows of their own, or some of the rows being fitted. */
export type Gold =
  | (VotedRows & { readonly labels: ArrayLike<number> })
  | { readonly rows: ArrayLike<number>; readonly labels: ArrayLike<number> };

/**
 * @internal Checks gold rows: their labels (0 = unknown) and, if they are some of the fitted rows, which.
 * @param votes the fitted rows' votes.
 */
export function readGold(gold: Gold, votes: CheckedVotes): { labels: Int8Array; rows?: Int32Array } {
  if (typeof gold !== 'object' || gold === null)
    throw typeError('{ votes, embeddings, labels } or { rows, labels }', 'gold', gold);
  if ('rows' in gold) {
    const rows = Int32Array.from(gold.rows, (row, at) => checkInteger(row, `gold.rows[${at}]`, 0, votes.rows - 1));
    return { labels: checkLabels(gold.labels, { ...votes, rows: rows.length }, 'gold.labels'), rows };
  }
  const goldVotes = checkVotes(gold.votes, 'gold.votes');
  if (goldVotes.classes !== votes.classes)
    throw rangeError(
      `classes as in votes (${votes.classes || 'signed'})`,
      'gold.votes',
      String(goldVotes.classes || 'signed'),
    );
  return { labels: checkLabels(gold.labels, goldVotes, 'gold.labels') };
}

/** @internal Scores a fitted model by its accuracy on the gold rows, together with the best label for rows without evidence. */
export class GoldJudge {
  /** Labels of the gold rows, 0 = unknown. */
  readonly labels: Int8Array;
  /** Nearest voters of the gold rows; absent when the gold rows are some of the fitted ones. */
  readonly voters: NearestVoters | undefined;
  readonly #rows: Int32Array | undefined;

  private constructor(labels: Int8Array, voters: NearestVoters | undefined, rows: Int32Array | undefined) {
    this.labels = labels;
    this.voters = voters;
    this.#rows = rows;
  }

  static async open(
    { gold, votes, threads }: { gold?: Gold | undefined; votes: VoteMatrix; threads?: number | undefined },
    support: { votes: VoteMatrix; embeddings: EmbeddingSet },
    metric: Metric,
    signal: AbortSignal | undefined,
  ): Promise<GoldJudge | undefined> {
    if (gold === undefined) return undefined;
    const { labels, rows } = readGold(gold, checkVotes(votes, 'votes'));
    if ('rows' in gold) return new GoldJudge(labels, undefined, rows);
    const input = { votes: gold.votes, embeddings: gold.embeddings, support, metric, threads };
    return new GoldJudge(labels, await NearestVoters.create(input, { signal }), undefined);
  }

  /** @param extend extends the votes of the fitted rows: for gold rows that are among them. */
  async score(
    thresholds: number | ArrayLike<number>,
    model: LabelModel,
    extend: (thresholds: number | ArrayLike<number>) => Promise<VoteMatrix>,
  ) {
    const votes = this.voters
      ? await this.voters.extendAsync(thresholds)
      : rowsOf(await extend(thresholds), this.#rows!);
    const predicted = model.predict(votes);
    const missed = new Map<number, number>();
    let right = 0;
    let known = 0;
    this.labels.forEach((label, row) => {
      if (label === 0) return;
      known++;
      if (predicted[row] === label) right++;
      else if (predicted[row] === 0) missed.set(label, (missed.get(label) ?? 0) + 1);
    });
    // Among labels that serve the gold rows equally well, the likelier one.
    const balance = model.classBalance;
    const labels = Array.from(balance, (p, c) => ({ p, label: model.classes === 0 ? c * 2 - 1 : c + 1 }));
    labels.sort((a, b) => (missed.get(b.label) ?? 0) - (missed.get(a.label) ?? 0) || b.p - a.p);
    const fallback = labels[0]!.label;
    return { score: known === 0 ? 0 : (right + (missed.get(fallback) ?? 0)) / known, fallback };
  }

  close(): void {
    this.voters?.close();
  }
}

function rowsOf(votes: VoteMatrix, rows: Int32Array): VoteMatrix {
  const lfs = votes.shape[1];
  const data = new Int8Array(rows.length * lfs);
  rows.forEach((row, at) => {
    data.set(votes.data.subarray(row * lfs, (row + 1) * lfs), at * lfs);
  });
  return { ...votes, data, shape: [rows.length, lfs] };
}
