// `npm run demo`: what nearvote does with 5,571 text messages, on one screen. Reads data/sms, writes
// out/sms-labels.csv.
import { mkdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { devices, Epoxy, type FloatResult, LabelModel, type VoteMatrix } from '../index.js';
import { writeFileAtomic } from '../io/atomic.js';
import { encodeLabels } from '../io/labels.js';
import { readEmbeddings, readLabels, readVotes } from './inputs.js';
import { coverage, fittedLabels, hasVote } from './results.js';
import { textTable } from './text-table.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DATA = join(ROOT, 'data', 'sms');

interface Split {
  readonly votes: VoteMatrix;
  readonly embeddings: FloatResult;
  /** +1 spam, -1 ham */
  readonly labels: Int8Array;
  readonly texts: readonly string[];
}

async function readSplit(name: string): Promise<Split> {
  const path = (part: string) => join(DATA, `${name}_${part}`);
  const input = await readVotes(path('votes.npy'), 'signed');
  const [embeddings, labels, jsonl] = await Promise.all([
    readEmbeddings(path('embeddings.npy')),
    readLabels(path('labels.npy'), input),
    readFile(path('texts.jsonl'), 'utf8'),
  ]);
  const texts = jsonl
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { text: string }).text);
  return { votes: input.votes, embeddings, labels, texts };
}

/** Accuracy, and F1 of the class +1. */
function score(predicted: Int8Array, labels: Int8Array): { accuracy: number; f1: number } {
  const count = (test: (guess: number, truth: number) => boolean) =>
    predicted.reduce((sum, guess, row) => sum + (test(guess, labels[row]!) ? 1 : 0), 0);
  const hits = count((guess, truth) => guess === 1 && truth === 1);
  const called = count((guess) => guess === 1);
  const wanted = count((_, truth) => truth === 1);
  return { accuracy: count((guess, truth) => guess === truth) / labels.length, f1: (2 * hits) / (called + wanted) };
}

interface Example {
  readonly similarity: number;
  readonly text: string;
  readonly neighbor: number;
  readonly rule: number;
  readonly truth: number;
}

/**
 * Test messages called spam that no rule recognised, each with the training message that lent the nearest vote for it;
 * most similar first.
 */
function spamByNeighbor(epoxy: Epoxy, test: Split, predicted: Int8Array): Example[] {
  const { neighbors, scores, votes } = epoxy.extend(test);
  const [, lfs] = votes.shape;
  const examples: Example[] = [];
  for (const [row, text] of test.texts.entries()) {
    if (predicted[row] !== 1 || hasVote(test.votes, row)) continue;
    let best = -1;
    for (let cell = row * lfs; cell < (row + 1) * lfs; cell++) {
      if (votes.data[cell] === 1 && (best < 0 || scores[cell]! > scores[best]!)) best = cell;
    }
    if (best < 0) continue;
    const [similarity, neighbor, rule] = [scores[best]!, neighbors[best]!, best % lfs];
    examples.push({ similarity, text, neighbor, rule, truth: test.labels[row]! });
  }
  return examples.sort((a, b) => b.similarity - a.similarity);
}

/** Five of them from the most to the least similar, without near copies and without the collection's adult messages. */
function five(examples: readonly Example[], train: Split): Example[] {
  const adult = /xxx|sex|horny|porn|gay|flirt|saucy|naked|filth|babe|dating|lonely|18\+/;
  const neighbors = new Set<number>();
  const fit = examples.filter(({ similarity, text, neighbor }) => {
    if (similarity > 0.95 || neighbors.has(neighbor) || adult.test(text + train.texts[neighbor])) return false;
    neighbors.add(neighbor);
    return true;
  });
  const last = Math.min(4, fit.length - 1);
  return Array.from({ length: last + 1 }, (_, i) => fit[Math.round((i * (fit.length - 1)) / Math.max(1, last))]!);
}

const shorten = (text: string, length: number) =>
  text.length <= length ? text : `${text.slice(0, length - 3).trimEnd()}...`;
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const milliseconds = (time: number) => `${time.toFixed(time < 10 ? 1 : 0)} ms`;

const started = performance.now();
const [train, valid, test] = await Promise.all([readSplit('train'), readSplit('valid'), readSplit('test')]);
const rules = JSON.parse(await readFile(join(DATA, 'lfs.json'), 'utf8')) as { name: string }[];
const read = performance.now();

const epoxy = await Epoxy.fit({ votes: train.votes, embeddings: train.embeddings, gold: valid });
const { thresholds, timings, method } = epoxy.report();
const decide = { ties: 'prior', uncovered: 'prior' } as const;
const classBalance = { labels: valid.labels };
const withoutNeighbors = (model: LabelModel) => score(model.predict(test.votes, decide), test.labels);
const majority = withoutNeighbors(LabelModel.fit(train.votes, { method: 'majority', classBalance }));
const labelModel = withoutNeighbors(LabelModel.fit(train.votes, { classBalance }));
const beforeTest = performance.now();
const predicted = epoxy.predict(test, decide);
const testTime = performance.now() - beforeTest;
const extended = score(predicted, test.labels);

const output = join(ROOT, 'out', 'sms-labels.csv');
await mkdir(join(ROOT, 'out'), { recursive: true });
await writeFileAtomic(output, encodeLabels('.csv', fittedLabels(epoxy, train.votes)));

const own = percent(coverage(test.votes));
const row = (name: string, covered: string, { accuracy, f1 }: { accuracy: number; f1: number }) => [
  name,
  covered,
  percent(accuracy),
  f1.toFixed(3),
];
const device = devices()[0]!;
const total = timings.neighbors + timings.fit + timings.predict;
const examples = five(spamByNeighbor(epoxy, test, predicted), train);

process.stdout.write(`
Which of these text messages are spam? Nobody labelled the ${train.votes.shape[0]} training messages. Instead there are ${rules.length} rules
of thumb, such as "${rules[42]!.name}" or "${rules[0]!.name}": each votes where it recognises something, and abstains on
everything else. On ${percent(1 - coverage(train.votes))} of the messages no rule says a word.

nearvote lends a vote to messages that mean nearly the same (cosine similarity of sentence embeddings above ${thresholds[0]!.toFixed(2)}), then
weighs the rules and gives every message a label with a probability. That threshold is the one thing learned from labels: from
${valid.labels.length} other messages. The scores are on ${test.labels.length} more that were never looked at:

${textTable(
  ['', 'have a vote', 'accuracy', 'F1 of spam'],
  [
    row('majority vote of the rules', own, majority),
    row(`label model (rules weighed)`, own, labelModel),
    row('label model + votes of neighbours', percent(coverage(epoxy.extend(test).votes)), extended),
  ],
  '  ',
)}
  (${test.labels.length} messages, ${test.votes.shape[1]} rules; where nothing votes the answer is "ham", as most messages are)

Time, ${device.threads} threads of this machine (${device.isa}):

${textTable(
  ['', ''],
  [
    [
      `votes lent among ${train.votes.shape[0]} messages, ${train.embeddings.shape[1]} dimensions`,
      milliseconds(timings.neighbors),
    ],
    ['rules weighed (label model fitted)', milliseconds(timings.fit)],
    [`${train.votes.shape[0]} labels with probabilities`, milliseconds(timings.predict)],
    ['together', milliseconds(total)],
  ],
  '  ',
)}
  (besides: reading the files ${milliseconds(read - started)}, choosing the threshold ${milliseconds(timings.thresholds)}, the test messages ${milliseconds(testTime)})

Five test messages no rule recognised, and the training message whose vote each was lent:

${examples
  .map(
    ({ similarity, text, neighbor, rule, truth }) =>
      `  spam${truth === 1 ? '' : ' (wrong)'}: ${shorten(text, 88)}\n` +
      `   ~ ${similarity.toFixed(2)}  ${shorten(train.texts[neighbor]!, 88)}\n           voted on by the rule "${rules[rule]!.name}"`,
  )
  .join('\n')}

Labels of the training messages: ${relative(process.cwd(), output)} (id, label, probability, covered | extended | uncovered)
Label model: ${method}. Everything again on your own data: npx nearvote label --help
`);
