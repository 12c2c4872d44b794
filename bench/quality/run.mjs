// Which label model labels best? Test scores of every method on the data sets in ../shared/data, with votes alone and with
// votes extended under one threshold tuned on the validation rows. The default method of LabelModel is chosen by this table
// and by the simulations among the tests.
//   node bench/quality/run.mjs [--balance valid|uniform|estimate] [--methods a,b] [--data ../shared/data]
// Policies, the same for every method:
//   training labels are never read; the class balance comes from the validation labels (--balance changes that);
//   rows the model leaves undecided (no vote, exact tie) get one fixed class, the one that scores best on validation;
//   the threshold (global, cosine) is the one that scores best on validation, the larger on ties; test is scored once.
// FlyingSquid is `compat: 'flyingsquid'` (binary only; on several classes one model for each class against the rest, the
// most probable class wins). Scores: accuracy, or F1 of the rare class for sms. In brackets one standard error of the test
// score (bootstrap over rows, 500 draws, fixed seed).
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { LabelModel, NearestVoters, toVotes } from '../../dist/index.js';
import { readNpy } from '../../dist/io/npy.js';

const { values: args } = parseArgs({
  options: {
    balance: { type: 'string', default: 'valid' },
    data: { type: 'string', default: '../shared/data' },
    methods: {
      type: 'string',
      default: 'majority,flyingsquid,triplet-mean,triplet-median,triplet-weighted,covariance,auto',
    },
  },
});
const SETS = ['sms', 'youtube', 'trec'];
const METHODS = args.methods.split(',');
const THRESHOLDS = Array.from({ length: 61 }, (_, i) => 1 - i * 0.01);

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

/** Labels by the method: fit on `train`, predict each of `others`; 0 where undecided. */
function label(method, train, others, labels) {
  const classBalance = args.balance === 'valid' ? { labels } : args.balance;
  if (method !== 'flyingsquid') {
    const model = LabelModel.fit(train, { method, classBalance });
    return others.map((votes) => model.predict(votes));
  }
  const options = (of) => ({
    method: 'triplet-median',
    compat: 'flyingsquid',
    classBalance: args.balance === 'valid' ? { labels: of } : 'uniform',
  });
  if (train.classes === undefined) {
    const model = LabelModel.fit(train, options(labels));
    return others.map((votes) => model.predict(votes));
  }
  const against = (votes, c) => ({
    data: votes.data.map((vote) => (vote === 0 ? 0 : vote === c ? 1 : -1)),
    shape: votes.shape,
  });
  const probas = others.map(() => []);
  for (let c = 1; c <= train.classes; c++) {
    const model = LabelModel.fit(against(train, c), options(labels.map((y) => (y === c ? 1 : -1))));
    others.forEach((votes, o) => void probas[o].push(model.predictProba(against(votes, c))));
  }
  return probas.map((byClass, o) =>
    Int8Array.from({ length: others[o].shape[0] }, (_, row) => {
      const lfs = others[o].shape[1];
      if (!others[o].data.subarray(row * lfs, (row + 1) * lfs).some(Boolean)) return 0;
      const p = byClass.map((proba) => proba[row]);
      return p.indexOf(Math.max(...p)) + 1;
    }),
  );
}

/** Accuracy, or F1 of class +1, over the rows `rows`. */
function score(set, predicted, labels, fallback, rows = labels.keys()) {
  let right = 0;
  let total = 0;
  let truePositive = 0;
  let positives = 0;
  for (const row of rows) {
    const guess = predicted[row] || fallback;
    total++;
    right += guess === labels[row];
    truePositive += guess === 1 && labels[row] === 1;
    positives += (guess === 1) + (labels[row] === 1);
  }
  return set === 'sms' ? (positives === 0 ? 0 : (2 * truePositive) / positives) : right / total;
}

function bestFallback(set, predicted, labels) {
  const scored = [...new Set(labels)].sort().map((c) => [score(set, predicted, labels, c), c]);
  return scored.reduce((best, next) => (next[0] > best[0] ? next : best));
}

function standardError(set, predicted, labels, fallback) {
  let state = 1;
  const draw = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * labels.length);
  };
  const scores = Array.from({ length: 500 }, () =>
    score(set, predicted, labels, fallback, Array.from({ length: labels.length }, draw)),
  );
  const mean = scores.reduce((sum, s) => sum + s, 0) / scores.length;
  return Math.sqrt(scores.reduce((sum, s) => sum + (s - mean) ** 2, 0) / (scores.length - 1));
}

if (!existsSync(args.data)) {
  console.error(`No data at ${args.data}: --data DIR with ${SETS.join(', ')} in it`);
  process.exit(1);
}
console.log(
  `${cpus()[0]?.model}, node ${process.version}; class balance: ${args.balance}; fallback class and threshold`,
);
console.log('tuned on validation rows; sms: F1 of spam, youtube and trec: accuracy; (one standard error)\n');
const figure = ({ test, error }) => `${test.toFixed(3)} (${error.toFixed(3)})`;
const table = {};
for (const set of SETS) {
  const [train, valid, test] = await Promise.all(['train', 'valid', 'test'].map((split) => load(set, split)));
  const support = { votes: train.votes, embeddings: train.embeddings };
  const voters = [train, valid, test].map(
    ({ votes, embeddings }) => new NearestVoters({ votes, embeddings, support, metric: 'cosine' }),
  );
  const extended = THRESHOLDS.map((t) => voters.map((v) => v.extend(t)));
  for (const method of METHODS) {
    const outcome = ([trainVotes, validVotes, testVotes]) => {
      const [onValid, onTest] = label(method, trainVotes, [validVotes, testVotes], valid.labels);
      const [validScore, fallback] = bestFallback(set, onValid, valid.labels);
      const result = { validScore, fallback, test: score(set, onTest, test.labels, fallback) };
      return { ...result, error: standardError(set, onTest, test.labels, fallback) };
    };
    const direct = outcome([train, valid, test].map(({ votes }) => votes));
    let best;
    for (const [at, votes] of extended.entries()) {
      const tried = { ...outcome(votes), threshold: THRESHOLDS[at] };
      if (!best || tried.validScore > best.validScore) best = tried;
    }
    table[method] ??= [];
    table[method].push(direct, best);
    const where = `threshold ${best.threshold.toFixed(2)}, undecided -> ${direct.fallback} / ${best.fallback}`;
    console.log(`${set.padEnd(8)} ${method.padEnd(17)} votes ${figure(direct)}   extended ${figure(best)}   ${where}`);
  }
  console.log();
}
console.log('mean over the sets');
for (const [method, results] of Object.entries(table)) {
  const mean = (which) =>
    results.filter((_, at) => at % 2 === which).reduce((sum, { test }) => sum + test, 0) / SETS.length;
  console.log(`${method.padEnd(17)} votes ${mean(0).toFixed(3)}   extended ${mean(1).toFixed(3)}`);
}
