import { checkOneOf, rangeError } from '../check.js';
import { analyzeVotes, extendVotes, formatAnalysis, LabelModel, type VoteMatrix } from '../index.js';
import type { Command } from './command.js';
import { readEmbeddings, readLabels, readVotes, type VotesInput } from './inputs.js';
import { classesOption, encodingOption, parseOptions, required, thresholdsOption } from './options.js';

/** `nearvote analyze`: what each rule does. */
export const command: Command = {
  help: `nearvote analyze: what each rule does

  nearvote analyze --votes votes.npy [--labels labels.npy] [--model] [--json]

  --votes FILE       n x m votes (.npy, .csv with one column per rule, .jsonl with one array per line)
  --labels FILE      n true labels, 0 where not known (snorkel: -1); adds the last three columns
  --encoding WORD    signed: 0 abstains, -1 and +1 vote. snorkel: -1 abstains, 0 and 1 vote.
                     Needed only where the file could be either.
  --classes K        for more than two classes: votes 1..K (snorkel: 0..K-1)
  --model            adds how often each rule is right as far as agreement with the others tells, without
                     labels, and a 95 % interval
  --embeddings FILE  n x d embeddings of the same rows: adds what lending votes to near rows reaches
  --thresholds VALUE how near: a number, or a .json file with one number per rule (with --embeddings)
  --metric WORD      cosine (default), dot or l2 (with --embeddings)
  --json             an array of objects instead of a table

One line per rule, shares of all rows:
  Polarity   the classes it votes for          Coverage   rows it votes on
  Overlaps   rows where another rule votes too  Conflicts  rows where another rule votes otherwise
  Correct, Incorrect, Emp. Acc.                 its votes against the labels
  Ext. Cov., Ext. Acc.                          rows and accuracy with lent votes
  Est. Acc., 95 %                               what --model says
`,

  async run(args) {
    const options = parseOptions(
      args,
      ['votes', 'labels', 'encoding', 'classes', 'embeddings', 'thresholds', 'metric'],
      ['model', 'json'],
    );
    const path = required(options.votes, '--votes', 'a file of votes');
    const input = await readVotes(path, encodingOption(options.encoding), classesOption(options.classes));
    const labels = options.labels === undefined ? undefined : await readLabels(options.labels, input);
    const analysis = analyzeVotes(input.votes, {
      labels,
      names: input.table.names,
      extended: await extend(input, options),
      model: options.model ? LabelModel.fit(input.votes) : undefined,
    });
    process.stdout.write(`${options.json ? JSON.stringify(analysis, null, 1) : formatAnalysis(analysis)}\n`);
  },
};

/** The votes with those lent under the thresholds asked for; undefined without embeddings. */
async function extend(
  input: VotesInput,
  options: { readonly embeddings?: string; readonly thresholds?: string; readonly metric?: string },
): Promise<VoteMatrix | undefined> {
  const unused = options.embeddings === undefined && (options.thresholds ?? options.metric);
  if (unused) throw rangeError('a file of embeddings', '--embeddings', 'nothing');
  if (options.embeddings === undefined) return undefined;
  const thresholds = await thresholdsOption(required(options.thresholds, '--thresholds', 'a number or a .json file'));
  if (thresholds === 'auto') throw rangeError('a number or a .json file', '--thresholds', 'auto');
  const metric = checkOneOf(options.metric ?? 'cosine', ['cosine', 'dot', 'l2'] as const, '--metric');
  const embeddings = await readEmbeddings(options.embeddings, input);
  return extendVotes({ votes: input.votes, embeddings, thresholds, metric }).votes;
}
