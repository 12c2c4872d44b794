import { type CheckedVotes, checkOptions, checkThreads, checkVotes, rangeError } from './check.js';
import { addon } from './native.js';
import type { CallOptions, Votes } from './types.js';
import { checkLabels, countVotes, type VoteCounts } from './votes.js';

/** What {@link analyzeVotes} adds to the columns that votes alone give. */
export interface AnalyzeVotesOptions extends CallOptions {
  /** One a row, in the domain of the votes; 0 = unknown. */
  readonly labels?: ArrayLike<number> | undefined;
  /** Names of the labelling functions; default: their indices. */
  readonly names?: readonly string[] | undefined;
  /** The same rows after extension: adds `extendedCoverage`, and with labels `extendedAccuracy`. */
  readonly extended?: Votes | undefined;
  /** A model fitted on these labelling functions: adds `estimatedAccuracy` with its interval. */
  readonly model?: { readonly accuracies: readonly EstimatedAccuracy[] } | undefined;
}

/** What a label model or a graph model found of one labelling function. */
interface EstimatedAccuracy {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
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
  /** Only with extended votes and labels: `empiricalAccuracy` of the votes after extension. */
  readonly extendedAccuracy?: number | null;
  /** Only with a model: P(vote = Y | it votes) as learnt from agreement, without labels, and its 95 % interval. */
  readonly estimatedAccuracy?: number;
  readonly accuracyLow?: number;
  readonly accuracyHigh?: number;
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

/** Right and wrong votes of each labelling function where the label is known: [right, wrong, right, wrong, ...]. */
function score({ data, rows, cols }: CheckedVotes, labels: Int8Array, threads: number): Float64Array {
  const scores = new Float64Array(2 * cols);
  addon.scoreLfs(data, rows, cols, labels, scores, threads, undefined);
  return scores;
}

function shareRight(scores: Float64Array, lf: number): number | null {
  const judged = scores[2 * lf]! + scores[2 * lf + 1]!;
  return judged === 0 ? null : scores[2 * lf]! / judged;
}

function checkExtended(extended: Votes, counts: VoteCounts): CheckedVotes {
  const checked = checkVotes(extended, 'extended');
  if (checked.cols !== counts.lfs || checked.rows !== counts.rows || checked.classes !== counts.classes)
    throw rangeError(
      `the shape and classes of votes, [${counts.rows}, ${counts.lfs}]`,
      'extended',
      `[${checked.rows}, ${checked.cols}]`,
    );
  return checked;
}

/**
 * What each labelling function does: Snorkel's columns Polarity, Coverage, Overlaps, Conflicts and, with labels, Correct,
 * Incorrect, Emp. Acc.; with `extended` what extension adds, with `model` what agreement says of its accuracy.
 *
 * @throws TypeError or RangeError: wrong types, shapes or lengths; votes or labels outside the domain.
 */
export function analyzeVotes(votes: Votes, options: AnalyzeVotesOptions = {}): LfAnalysis[] {
  const checked = checkVotes(votes, 'votes');
  const { names, model } = checkOptions(options);
  const threads = checkThreads(options.threads);
  if (names !== undefined && names.length !== checked.cols)
    throw rangeError(`${checked.cols} names, one per labelling function`, 'names', String(names.length));
  if (model !== undefined && model.accuracies?.length !== checked.cols)
    throw rangeError(`a model of ${checked.cols} labelling functions`, 'model', `${model.accuracies?.length}`);
  const counts = countVotes(votes, options);
  const extended = options.extended === undefined ? undefined : checkExtended(options.extended, counts);
  const after = options.extended === undefined ? undefined : countVotes(options.extended, options);
  const labels = options.labels === undefined ? undefined : checkLabels(options.labels, checked);
  const scores = labels && score(checked, labels, threads);
  const scoresAfter = labels && extended && score(extended, labels, threads);
  return Array.from({ length: checked.cols }, (_, index) => {
    const learnt = model?.accuracies[index];
    return {
      name: names?.[index] ?? String(index),
      index,
      ...summarize(counts, index),
      ...(scores && {
        correct: scores[2 * index]!,
        incorrect: scores[2 * index + 1]!,
        empiricalAccuracy: shareRight(scores, index),
      }),
      ...(after && { extendedCoverage: summarize(after, index).coverage }),
      ...(scoresAfter && { extendedAccuracy: shareRight(scoresAfter, index) }),
      ...(learnt && { estimatedAccuracy: learnt.estimate, accuracyLow: learnt.low, accuracyHigh: learnt.high }),
    };
  });
}

/** The analysis as a text table under Snorkel's headings; Ext. (extended), Est. Acc. (of a model) and its interval where known. */
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
  if (first?.extendedAccuracy !== undefined) columns.push(['Ext. Acc.', (lf) => figure(lf.extendedAccuracy)]);
  if (first?.estimatedAccuracy !== undefined) {
    columns.push(['Est. Acc.', (lf) => figure(lf.estimatedAccuracy)]);
    columns.push(['95 %', (lf) => `[${figure(lf.accuracyLow)}, ${figure(lf.accuracyHigh)}]`]);
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
