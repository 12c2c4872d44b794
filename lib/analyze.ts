import { checkVotes, rangeError } from './check.js';
import { addon } from './native.js';
import type { CallOptions, VoteMatrix } from './types.js';
import { checkLabels, countVotes, type VoteCounts } from './votes.js';

export interface AnalyzeVotesOptions extends CallOptions {
  /** One a row, in the domain of the votes; 0 = unknown. */
  readonly labels?: ArrayLike<number> | undefined;
  /** Names of the labelling functions; default: their indices. */
  readonly names?: readonly string[] | undefined;
  /** The same rows after extension: adds `extendedCoverage`. */
  readonly extended?: VoteMatrix | undefined;
}

/** One labelling function in the columns of Snorkel's LFAnalysis; shares are of all rows. */
export interface LfAnalysis {
  readonly name: string;
  readonly index: number;
  /** The votes it casts, ascending. */
  readonly polarity: readonly number[];
  /** Share of rows it votes on. */
  readonly coverage: number;
  /** Share of rows it votes on together with another LF. */
  readonly overlaps: number;
  /** Share of rows it votes on against another LF. */
  readonly conflicts: number;
  /** Only with labels: right and wrong votes, and correct / (correct + incorrect), null without a labelled vote. */
  readonly correct?: number;
  readonly incorrect?: number;
  readonly empiricalAccuracy?: number | null;
  /** Only with extended votes: share of rows with a vote after extension. */
  readonly extendedCoverage?: number;
}

function summarize(counts: VoteCounts, lf: number) {
  const classes = Array.from({ length: counts.classes || 2 }, (_, c) => c);
  const sum = (of: (lf: number, classIndex: number) => number) => classes.reduce((total, c) => total + of(lf, c), 0);
  const share = (count: number) => (counts.rows === 0 ? 0 : count / counts.rows);
  return {
    polarity: classes.filter((c) => counts.votes(lf, c) > 0).map((c) => (counts.classes === 0 ? 2 * c - 1 : c + 1)),
    coverage: share(sum((i, c) => counts.votes(i, c))),
    overlaps: share(sum((i, c) => counts.overlaps(i, c))),
    conflicts: share(sum((i, c) => counts.conflicts(i, c))),
  };
}

/**
 * What each labelling function does: Snorkel's columns Polarity, Coverage, Overlaps, Conflicts and, with labels, Correct,
 * Incorrect, Emp. Acc.
 *
 * @throws TypeError or RangeError: wrong types, shapes or lengths; votes or labels outside the domain.
 */
export function analyzeVotes(votes: VoteMatrix, options: AnalyzeVotesOptions = {}): LfAnalysis[] {
  const checked = checkVotes(votes, 'votes');
  const { names, extended } = options;
  if (names !== undefined && names.length !== checked.cols)
    throw rangeError(`${checked.cols} names, one per labelling function`, 'names', String(names.length));
  const counts = countVotes(votes, options);
  const scores = new Float64Array(2 * checked.cols);
  const labels = options.labels === undefined ? undefined : checkLabels(options.labels, checked);
  if (labels) addon.scoreLfs(checked.data, checked.rows, checked.cols, labels, scores, options.threads ?? 0, undefined);
  const after = extended === undefined ? undefined : countVotes(extended, options);
  if (after && (after.lfs !== counts.lfs || after.rows !== counts.rows))
    throw rangeError(
      `the shape of votes, [${counts.rows}, ${counts.lfs}]`,
      'extended',
      `[${after.rows}, ${after.lfs}]`,
    );
  return Array.from({ length: checked.cols }, (_, index) => {
    const [correct, incorrect] = [scores[2 * index]!, scores[2 * index + 1]!];
    const judged = correct + incorrect;
    return {
      name: names?.[index] ?? String(index),
      index,
      ...summarize(counts, index),
      ...(labels && { correct, incorrect, empiricalAccuracy: judged === 0 ? null : correct / judged }),
      ...(after && { extendedCoverage: summarize(after, index).coverage }),
    };
  });
}

/** The analysis as a text table under Snorkel's headings. */
export function formatAnalysis(analysis: readonly LfAnalysis[]): string {
  const figure = (value: number | null | undefined) => (value == null ? '-' : value.toFixed(4));
  const columns: [heading: string, of: (lf: LfAnalysis) => string][] = [
    ['', (lf) => lf.name],
    ['j', (lf) => String(lf.index)],
    ['Polarity', (lf) => `[${lf.polarity.join(', ')}]`],
    ['Coverage', (lf) => figure(lf.coverage)],
  ];
  const first = analysis[0];
  if (first?.extendedCoverage !== undefined) columns.push(['Ext. Cov.', (lf) => figure(lf.extendedCoverage)]);
  columns.push(['Overlaps', (lf) => figure(lf.overlaps)], ['Conflicts', (lf) => figure(lf.conflicts)]);
  if (first?.correct !== undefined) {
    columns.push(['Correct', (lf) => String(lf.correct)], ['Incorrect', (lf) => String(lf.incorrect)]);
    columns.push(['Emp. Acc.', (lf) => figure(lf.empiricalAccuracy)]);
  }
  const cells = [columns.map(([heading]) => heading), ...analysis.map((lf) => columns.map(([, of]) => of(lf)))];
  const widths = columns.map((_, c) => Math.max(...cells.map((row) => row[c]!.length)));
  return cells
    .map((row) =>
      row
        .map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
