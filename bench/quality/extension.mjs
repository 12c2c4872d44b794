// Which way of learning from near rows labels best? Test scores of every extension on the data sets in ../shared/data. The
// default of Epoxy.fit is chosen for the reasons in lib/knn-posterior.ts and checked here.
//   node bench/quality/extension.mjs [--data ../shared/data] [--gold-rows 100] [--only part-of-a-name]
// Policies, the same for every row of the table:
//   training labels are never read; test is scored once. 'balance' uses the validation labels for the class balance only;
//   'gold' gives the validation rows (--gold-rows: only the first so many) to Epoxy.fit; 'nothing' gives no label at all.
//   Label model: the default, unless named. Rows left undecided and ties: the policies { ties: 'prior', uncovered: 'prior' }
//   (the fallback chosen on gold, or the likelier class).
// Scores: accuracy, or F1 of the rare class for sms. In brackets one standard error of the test score (bootstrap over rows,
// 500 draws, fixed seed).
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Epoxy, fitEndModel, toVotes } from '../../dist/index.js';
import { readNpy } from '../../dist/io/npy.js';

const { values: args } = parseArgs({
  options: {
    data: { type: 'string', default: '../shared/data' },
    'gold-rows': { type: 'string' },
    only: { type: 'string', default: '' },
  },
});
const SETS = ['sms', 'youtube', 'trec'];
const decide = { ties: 'prior', uncovered: 'prior' };

async function load(set, split) {
  const path = (what) => join(args.data, set, `${split}_${what}.npy`);
  const [votes, labels, embeddings] = await Promise.all(['votes', 'labels', 'embeddings'].map((w) => readNpy(path(w))));
  const classes = JSON.parse(readFileSync(join(args.data, set, 'meta.json'), 'utf8')).K;
  const several = classes > 2;
  return {
    votes: several ? toVotes(votes.data, { encoding: 'snorkel', shape: votes.shape, classes }) : votes,
    labels: several ? Int8Array.from(labels.data, (y) => y + 1) : labels.data,
    embeddings,
  };
}

function firstRows({ votes, labels, embeddings }, count) {
  const some = ({ data, shape: [, cols], ...rest }) => ({
    ...rest,
    data: data.slice(0, count * cols),
    shape: [count, cols],
  });
  return { votes: some(votes), labels: labels.slice(0, count), embeddings: some(embeddings) };
}

/** The gold rows as all the training there is: what the rules add is what is above this. */
function goldAlone(gold, test) {
  const classes = gold.votes.classes ?? 0;
  const proba =
    classes === 0
      ? Float64Array.from(gold.labels, (y) => (y === 1 ? 1 : 0))
      : Float64Array.from({ length: gold.labels.length * classes }, (_, at) =>
          gold.labels[Math.floor(at / classes)] === (at % classes) + 1 ? 1 : 0,
        );
  const model = fitEndModel({ embeddings: gold.embeddings, proba, ...(classes > 0 && { classes }) });
  return model.predict(test.embeddings);
}

const epoxy = (options) => async (train, gold, test) => {
  const fitted = await Epoxy.fit({ ...train, ...options(gold) });
  const predicted = fitted.predict(test, decide);
  fitted.close();
  const { thresholdChoice, thresholds, fallback, smoothing, partitions, transform } = fitted.report();
  const which = thresholdChoice.each ? 'thresholds of each LF' : `threshold ${thresholds[0].toPrecision(4)}`;
  const { neighbors, ownWeight, goldWeight, endModelWeight } = smoothing ?? {};
  const policy = [
    smoothing
      ? `${neighbors} neighbours, own weight ${ownWeight}, gold weight ${goldWeight}, end model ${endModelWeight}`
      : `${which} (${thresholdChoice.source}), fallback ${fallback ?? 'prior'}`,
    ...(partitions ? [`${partitions.count} partitions (${partitions.source})`] : []),
    ...(transform.scores ? [`transform ${transform.kind}`] : []),
  ].join(', ');
  return { predicted, policy };
};
const balance = (gold) => ({ classBalance: { labels: gold.labels } });
const NONE = Number.POSITIVE_INFINITY;

/** One threshold for all: the hundredth part of [0, 1] that is right most often on gold, the largest of equal ones. */
const oneThreshold = async (train, gold, test) => {
  let best = { right: -1 };
  for (let step = 100; step >= 30; step -= 2) {
    const fitted = await Epoxy.fit({ ...train, gold, thresholds: step / 100 });
    const labels = fitted.predict(gold, decide);
    fitted.close();
    const right = gold.labels.filter((y, row) => labels[row] === y).length;
    if (right > best.right) best = { right, threshold: step / 100 };
  }
  const fitted = await Epoxy.fit({ ...train, gold, thresholds: best.threshold });
  return { predicted: fitted.predict(test, decide), policy: `threshold ${best.threshold}` };
};

const ROWS = [
  [
    'gold alone: end model on the gold rows',
    async (_, gold, test) => ({ predicted: goldAlone(gold, test), policy: '' }),
  ],
  [
    'no extension, majority, balance',
    epoxy((g) => ({ thresholds: NONE, model: { method: 'majority', ...balance(g) } })),
  ],
  ['no extension, balance', epoxy((g) => ({ thresholds: NONE, model: balance(g) }))],
  ['no extension, gold (fallback)', epoxy((gold) => ({ thresholds: NONE, gold }))],
  ...[1, 5, 10].flatMap((k) => [
    [`votes, k = ${k}, 'auto', nothing`, epoxy(() => ({ extension: 'votes', k }))],
    [`votes, k = ${k}, 'auto', balance`, epoxy((g) => ({ extension: 'votes', k, model: balance(g) }))],
    [`votes, k = ${k}, 'auto', gold`, epoxy((gold) => ({ extension: 'votes', k, gold }))],
  ]),
  ['votes, k = 1, one tuned threshold, gold', oneThreshold],
  [
    "votes, majority, threshold 'auto', gold",
    epoxy((gold) => ({ extension: 'votes', gold, model: { method: 'majority' } })),
  ],
  ['posterior, nothing', epoxy(() => ({}))],
  ...[1, 5, 10, 25].map((k) => [`posterior, k = ${k}, balance`, epoxy((g) => ({ k, model: balance(g) }))]),
  ['posterior, balance (default)', epoxy((g) => ({ model: balance(g) }))],
  ['posterior, majority, balance', epoxy((g) => ({ model: { method: 'majority', ...balance(g) } }))],
  ...[1, 5, 10, 25].map((k) => [`posterior, k = ${k}, gold`, epoxy((gold) => ({ k, gold }))]),
  ['posterior, gold (default)', epoxy((gold) => ({ gold }))],
  ['posterior without end model, gold', epoxy((gold) => ({ endModel: false, gold }))],
  ...[2, 5, 10, 'auto'].flatMap((partitions) => [
    [`posterior, ${partitions} partitions, balance`, epoxy((g) => ({ partitions, model: balance(g) }))],
    [`posterior, ${partitions} partitions, gold`, epoxy((gold) => ({ partitions, gold }))],
  ]),
  ...['centre', 'whiten', 'all-but-the-top', 'auto'].flatMap((transform) => [
    [`posterior, ${transform}, balance`, epoxy((g) => ({ transform, model: balance(g) }))],
    [`posterior, ${transform}, gold`, epoxy((gold) => ({ transform, gold }))],
  ]),
  ['posterior, majority, gold', epoxy((gold) => ({ gold, model: { method: 'majority' } }))],
];

/** Accuracy, or F1 of class +1, over the rows `rows`. */
function score(set, predicted, labels, rows = labels.keys()) {
  let right = 0;
  let total = 0;
  let truePositive = 0;
  let positives = 0;
  for (const row of rows) {
    total++;
    right += predicted[row] === labels[row];
    truePositive += predicted[row] === 1 && labels[row] === 1;
    positives += (predicted[row] === 1) + (labels[row] === 1);
  }
  return set === 'sms' ? (positives === 0 ? 0 : (2 * truePositive) / positives) : right / total;
}

function standardError(set, predicted, labels) {
  let state = 1;
  const draw = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * labels.length);
  };
  const scores = Array.from({ length: 500 }, () =>
    score(set, predicted, labels, Array.from({ length: labels.length }, draw)),
  );
  const mean = scores.reduce((sum, s) => sum + s, 0) / scores.length;
  return Math.sqrt(scores.reduce((sum, s) => sum + (s - mean) ** 2, 0) / (scores.length - 1));
}

if (!existsSync(args.data)) {
  console.error(`No data at ${args.data}: --data DIR with ${SETS.join(', ')} in it`);
  process.exit(1);
}
console.log(
  `${cpus()[0]?.model}, node ${process.version}; sms: F1 of spam, youtube and trec: accuracy; (one standard error)\n`,
);
const chosen = ROWS.filter(([name]) => name.includes(args.only));
const table = new Map(chosen.map(([name]) => [name, []]));
for (const set of SETS) {
  const [train, valid, test] = await Promise.all(['train', 'valid', 'test'].map((split) => load(set, split)));
  const gold = firstRows(valid, Math.min(valid.labels.length, Number(args['gold-rows'] ?? Infinity)));
  console.log(
    `${set}: ${train.votes.shape.join(' x ')} votes, ${gold.labels.length} gold rows, ${test.labels.length} test rows`,
  );
  const rows = { votes: train.votes, embeddings: train.embeddings };
  for (const [name, run] of chosen) {
    const { predicted, policy } = await run(rows, gold, test);
    const result = score(set, predicted, test.labels);
    table.get(name).push(result);
    const error = standardError(set, predicted, test.labels);
    console.log(`  ${name.padEnd(42)} ${result.toFixed(3)} (${error.toFixed(3)})  ${policy}`);
  }
}
console.log('\nmean over the sets');
for (const [name, results] of table)
  console.log(`  ${name.padEnd(42)} ${(results.reduce((sum, r) => sum + r, 0) / SETS.length).toFixed(3)}`);
