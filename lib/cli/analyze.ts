import { analyzeVotes, formatAnalysis } from '../index.js';
import type { Command } from './command.js';
import { readLabels, readVotes } from './inputs.js';
import { classesOption, encodingOption, parseOptions, required } from './options.js';

/** `nearvote analyze`: what each rule does. */
export const command: Command = {
  help: `nearvote analyze: what each rule does

  nearvote analyze --votes votes.npy [--labels labels.npy]

  --votes FILE       n x m votes (.npy, .csv with one column per rule, .jsonl with one array per line)
  --labels FILE      n true labels, 0 where not known (snorkel: -1); adds the last three columns
  --encoding WORD    signed: 0 abstains, -1 and +1 vote. snorkel: -1 abstains, 0 and 1 vote.
                     Needed only where the file could be either.
  --classes K        for more than two classes: votes 1..K (snorkel: 0..K-1)

One line per rule, shares of all rows:
  Polarity   the classes it votes for          Coverage   rows it votes on
  Overlaps   rows where another rule votes too  Conflicts  rows where another rule votes otherwise
  Correct, Incorrect, Emp. Acc.                 its votes against the labels
`,

  async run(args) {
    const options = parseOptions(args, ['votes', 'labels', 'encoding', 'classes']);
    const path = required(options.votes, '--votes', 'a file of votes');
    const input = await readVotes(path, encodingOption(options.encoding), classesOption(options.classes));
    const labels = options.labels === undefined ? undefined : await readLabels(options.labels, input);
    const analysis = analyzeVotes(input.votes, { labels, names: input.table.names });
    process.stdout.write(`${formatAnalysis(analysis)}\n`);
  },
};
