// What a session tells about itself: plain data made from what the native side counted.
import type { LabelModel, LfAccuracy } from './label-model.js';
import type { SmoothingReport } from './posterior-choice.js';
import type { SessionFit } from './session-edit.js';
import type { NativeLf, SessionAddon } from './session-native.js';

/** One labelling function as it stands. Shares are of all rows. */
export interface LfStatistics {
  readonly name: string;
  readonly threshold: number;
  /** The votes it casts itself: -1/+1 or classes, ascending. */
  readonly polarity: readonly number[];
  /** How many of each. */
  readonly votesPerClass: readonly { readonly vote: number; readonly votes: number }[];
  /** Rows it votes on itself, and with the votes extended to it. */
  readonly coverage: number;
  readonly extendedCoverage: number;
  /** Rows where it and another one vote; where another one votes for another class. Before extension. */
  readonly overlaps: number;
  readonly conflicts: number;
  /** What the label model makes of it. */
  readonly accuracy: LfAccuracy;
  /** On the gold rows, after extension: right and wrong votes. Absent without gold. */
  readonly gold?: { readonly correct: number; readonly incorrect: number };
}

/** The whole session as plain data. */
export interface SessionReport {
  readonly rows: number;
  readonly lfs: readonly LfStatistics[];
  readonly extension: 'votes' | 'posterior';
  /** Share of rows with a vote, direct or extended, or (extension 'posterior') with a neighbour that counts. */
  readonly coverage: number;
  /** Of extension 'posterior'. */
  readonly smoothing?: SmoothingReport;
  readonly method: string;
  readonly classBalance: readonly number[];
  readonly classBalanceSource: string;
  /** Labels of the gold rows against the truth; `unlabelled` ones are neither right nor wrong. Absent without gold. */
  readonly gold?: { readonly correct: number; readonly incorrect: number; readonly unlabelled: number };
  /** Native memory held: embeddings, neighbour lists, columns. */
  readonly bytes: number;
}

/** @internal */
export function lfStatistics(
  lf: NativeLf,
  place: number,
  rows: number,
  classes: number,
  model: LabelModel,
  gold?: { readonly labels: Int8Array; readonly votes: Int8Array },
): LfStatistics {
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
  const share = (count: number) => (rows === 0 ? 0 : count / rows);
  let correct = 0;
  let incorrect = 0;
  gold?.labels.forEach((label, at) => {
    const vote = gold.votes[at * model.lfs + place];
    if (label === 0 || vote === 0) return;
    if (vote === label) correct++;
    else incorrect++;
  });
  const votesPerClass = lf.direct
    .map((votes, c) => ({ vote: classes === 0 ? 2 * c - 1 : c + 1, votes }))
    .filter(({ votes }) => votes > 0);
  return {
    name: lf.name,
    threshold: lf.threshold,
    polarity: votesPerClass.map(({ vote }) => vote),
    votesPerClass,
    coverage: share(sum(lf.direct)),
    extendedCoverage: share(sum(lf.extended)),
    overlaps: share(lf.overlaps),
    conflicts: share(lf.conflicts),
    accuracy: model.accuracies[place]!,
    ...(gold && { gold: { correct, incorrect } }),
  };
}

/**
 * @internal
 * @param goldVotes labels of the gold rows and the votes on them.
 * @param labelsOf labels of these rows as they are predicted.
 */
export function sessionReport(
  { rows, covered, bytes, lfs }: ReturnType<SessionAddon['sessionReport']>,
  classes: number,
  { model, gold, smoothing }: SessionFit,
  goldVotes: { readonly labels: Int8Array; readonly votes: Int8Array } | undefined,
  labelsOf: (rows: Int32Array) => Int8Array,
): SessionReport {
  const tally = { correct: 0, incorrect: 0, unlabelled: 0 };
  const predicted = gold && labelsOf(gold.rows);
  gold?.labels.forEach((label, at) => {
    if (label === 0) return;
    const found = predicted![at];
    tally[found === 0 ? 'unlabelled' : found === label ? 'correct' : 'incorrect']++;
  });
  return {
    rows,
    lfs: lfs.map((lf, place) => lfStatistics(lf, place, rows, classes, model, goldVotes)),
    extension: smoothing ? 'posterior' : 'votes',
    coverage: rows === 0 ? 0 : covered / rows,
    ...(smoothing && { smoothing }),
    method: model.method,
    classBalance: model.classBalance,
    classBalanceSource: model.classBalanceSource,
    ...(gold && { gold: tally }),
    bytes,
  };
}
