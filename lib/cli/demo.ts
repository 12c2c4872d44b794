// `npm run demo`: what nearvote does with 5,571 text messages, on one screen. Reads data/sms, writes
// out/sms-labels.csv.
import { mkdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { devices, Epoxy, type EpoxyReport, type FloatResult, LabelModel, type VoteMatrix } from '../index.js';
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
    readEmbeddings(path('embeddings.npy'), input),
    readLabels(path('labels.npy'), input),
    readFile(path('texts.jsonl'), 'utf8'),
  ]);
  const texts = jsonl
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { text: string }).text);
  return { votes: input.votes, embeddings, labels, texts };
}

interface Score {
  readonly accuracy: number;
  /** Of the class +1. */
  readonly f1: number;
}

function score(predicted: Int8Array, labels: Int8Array): Score {
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
const readTime = performance.now() - started;

// Votes of neighbours first, because every vote that is lent can be shown; then the default, which needs no threshold.
const input = { votes: train.votes, embeddings: train.embeddings, gold: valid };
const lent = await Epoxy.fit({ ...input, extension: 'votes', model: { method: 'majority' } });
const smoothed = await Epoxy.fit(input);
const { thresholds, fallback } = lent.report();

// Rows without a vote, and ties, get one class; without extension the likelier one, with it the one Epoxy chose on valid.
const decide = { ties: 'prior', uncovered: 'prior' } as const;
const classBalance = { labels: valid.labels };
const direct = (model: LabelModel) => score(model.predict(test.votes, decide), test.labels);
const majority = direct(LabelModel.fit(train.votes, { method: 'majority', classBalance }));
const labelModel = direct(LabelModel.fit(train.votes, { classBalance }));
const predicted = lent.predict(test, decide);

const output = join(ROOT, 'out', 'sms-labels.csv');
await mkdir(join(ROOT, 'out'), { recursive: true });
await writeFileAtomic(output, encodeLabels('.csv', fittedLabels(smoothed, train.votes)));

const [rows, dimensions] = train.embeddings.shape;
const { threads, isa } = devices()[0]!;
const scoreRow = (name: string, reached: number, { accuracy, f1 }: Score) => [
  name,
  percent(reached),
  percent(accuracy),
  f1.toFixed(3),
];
const own = coverage(test.votes);
const labelled = smoothed.predict(test).filter((label) => label !== 0).length / test.labels.length;
const scores = textTable(
  [`${test.labels.length} test messages, ${rules.length} rules`, 'reached', 'accuracy', 'F1 of spam'],
  [
    scoreRow('majority vote of the rules', own, majority),
    scoreRow('label model: rules weighed', own, labelModel),
    scoreRow('majority vote + votes of neighbours', coverage(lent.extend(test).votes), score(predicted, test.labels)),
    scoreRow('label model + labels of neighbours', labelled, score(smoothed.predict(test, decide), test.labels)),
  ],
  '  ',
);
const timings = [lent.report().timings, smoothed.report().timings];
const stage = (name: string, time: (timing: EpoxyReport['timings']) => number) => [
  name,
  ...timings.map((timing) => milliseconds(time(timing))),
];
const times = textTable(
  [`${rows} messages, ${dimensions} dimensions, ${threads} threads (${isa})`, 'votes', 'labels'],
  [
    stage('neighbours found', ({ neighbors }) => neighbors),
    stage('rules weighed', ({ fit }) => fit),
    stage('labels and probabilities', ({ predict }) => predict),
    stage('together', ({ neighbors, fit, predict }) => neighbors + fit + predict),
    stage(`besides: tuned on ${valid.labels.length} labelled messages`, ({ thresholds }) => thresholds),
  ],
  '  ',
);
const examples = five(spamByNeighbor(lent, test, predicted), train).map(
  ({ similarity, text, neighbor, rule, truth }) => `\
  spam${truth === 1 ? '' : ', wrongly'}: ${shorten(text, 88)}
    ${similarity.toFixed(2)}: ${shorten(train.texts[neighbor]!, 88)}
          voted on by the rule "${rules[rule]!.name}"`,
);

process.stdout.write(`
Which of these text messages are spam? Nobody labelled the ${rows} training messages. Instead there are
${rules.length} rules, such as "${rules[42]!.name}" or "${rules[0]!.name}": each votes where it recognises its words and
abstains on everything else. On ${percent(1 - coverage(train.votes))} of the messages no rule says a word.

nearvote lets messages learn from those that mean nearly the same: either they take over votes (from
messages with a cosine similarity of embeddings above ${thresholds[0]!.toFixed(2)}), or, by default, a label model weighs the
rules and each message leans on the likely labels of its nearest neighbours. ${valid.labels.length} other messages with
labels tune both, and are neighbours themselves in the second. No test message was looked at.

${scores}
  (where nothing is known the answer is "${fallback === 1 ? 'spam' : 'ham'}")

${times}
  (files read in ${milliseconds(readTime)})

Five test messages no rule recognised, and the training message that lent each its vote:

${examples.join('\n')}

Labels of all training messages: ${relative(process.cwd(), output)}
On your own data: npx nearvote label --help
`);
