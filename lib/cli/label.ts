import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checkOneOf } from '../check.js';
import { Epoxy, type EpoxyReport } from '../index.js';
import { writeFileAtomic } from '../io/atomic.js';
import { COVERAGE, encodeLabels, labelFormat } from '../io/labels.js';
import type { Command } from './command.js';
import { readEmbeddings, readLabels, readVotes } from './inputs.js';
import { classesOption, encodingOption, parseOptions, required, thresholdsOption } from './options.js';
import { ProgressBar } from './progress.js';
import { fittedLabels } from './results.js';

/** `nearvote label`: votes and embeddings in, a label and its probability for every row out. */
export const command: Command = {
  help: `nearvote label: a label and its probability for every row

  nearvote label --votes votes.npy --embeddings emb.npy [--gold gold.npy] -o labels.csv

  --votes FILE        n x m votes of m rules on n rows: 0 abstains, -1 and +1 vote
  --embeddings FILE   n x d embeddings of the same rows, from any model
  --gold FILE         n labels, 0 where not known: the few rows you labelled yourself. They set the class
                      balance, count as sure neighbours, and choose how much neighbours and votes count.
  -o, --output FILE   .csv, .jsonl or .npy; written whole or not at all

  --metric WORD       cosine (default), dot or l2
  --extension WORD    posterior (default): a row learns from the labels its nearest rows are likely to have.
                      votes: a rule lends its vote to a row whose nearest voter is near enough.
  --thresholds VALUE  how near that is: a number, or a .json file with one number per rule; more similar
                      than this (l2: nearer). auto (default): chosen on gold, or on the votes themselves.
                      Numbers imply --extension votes.
  --encoding WORD     signed: 0 abstains, -1 and +1 vote. snorkel: -1 abstains, 0 and 1 vote.
                      Needed only where the file could be either. Holds for votes and gold.
  --classes K         for more than two classes: votes 1..K (snorkel: 0..K-1)

Input files are .npy (f2 f4 f8, integers), .csv (one column per rule or dimension, with or without a header
line; a column called id names the rows) or .jsonl (an array per line, or objects with "votes",
"embedding" or "label", and perhaps "id"). Row i is the same in all of them: ids, where given, must agree.

Output, one line per row: id, label (0: none), probability of that label, and
  covered     a rule voted on the row itself
  extended    votes came only through similar rows
  uncovered   no rule voted on it or near it
`,

  async run(args, signal) {
    const options = parseOptions(args, [
      'votes',
      'embeddings',
      'gold',
      'output',
      'metric',
      'extension',
      'thresholds',
      'encoding',
      'classes',
    ]);
    const votesPath = required(options.votes, '--votes', 'a file of votes');
    const embeddingsPath = required(options.embeddings, '--embeddings', 'a file of embeddings');
    const output = required(options.output, '--output (-o)', 'a file to write');
    const format = labelFormat(output);
    await access(dirname(output), constants.W_OK);
    const metric = checkOneOf(options.metric ?? 'cosine', ['cosine', 'dot', 'l2'] as const, '--metric');
    const thresholds = await thresholdsOption(options.thresholds ?? 'auto');
    const extension =
      options.extension === undefined
        ? undefined
        : checkOneOf(options.extension, ['votes', 'posterior'] as const, '--extension');

    const input = await readVotes(votesPath, encodingOption(options.encoding), classesOption(options.classes));
    const embeddings = await readEmbeddings(embeddingsPath, input);
    const { votes, table } = input;
    const gold = options.gold === undefined ? undefined : await readLabels(options.gold, input);
    signal.throwIfAborted();

    const progress = new ProgressBar('extending votes');
    const epoxy = await Epoxy.fit(
      {
        votes,
        embeddings,
        metric,
        extension,
        thresholds,
        gold: gold && { rows: labelledRows(gold), labels: gold.filter((y) => y !== 0) },
      },
      { signal, onProgress: progress.update },
    ).finally(() => progress.clear());

    const labels = fittedLabels(epoxy, votes, table.ids);
    await writeFileAtomic(output, encodeLabels(format, labels), { signal });
    process.stdout.write(summary(output, labels.coverage, epoxy.report()));
  },
};

/** Rows with a known label. */
const labelledRows = (gold: Int8Array) => Array.from(gold.keys()).filter((row) => gold[row] !== 0);

function summary(output: string, coverage: Uint8Array, report: EpoxyReport): string {
  const count = (word: (typeof COVERAGE)[number]) => coverage.filter((code) => COVERAGE[code] === word).length;
  const thresholds = [...new Set(report.thresholds.map((threshold) => Number(threshold.toPrecision(4))))];
  const shown = thresholds.length === 1 ? `threshold ${thresholds[0]}` : `${thresholds.length} thresholds`;
  const sources = {
    given: `${shown} (given)`,
    gold: `${shown} (chosen on gold rows)`,
    'pseudo-gold': `${shown} (chosen on the votes themselves)`,
    none: `${report.smoothing?.neighbors} neighbours a row`,
  };
  const milliseconds = Object.values(report.timings).reduce((sum, time) => sum + time, 0);
  return `${output}: ${report.rows} rows (${count('covered')} covered, ${count('extended')} extended, ${count('uncovered')} \
uncovered), ${sources[report.thresholdChoice.source]}, ${milliseconds.toFixed(0)} ms\n`;
}
