// Do the defaults hold on data they were not chosen on? Scores on the tasks that held-out-tasks.py writes.
//   python3 bench/quality/held-out-tasks.py DIR && node bench/quality/held-out.mjs DIR [--only PART] [--rows PART] [--json FILE]
// Prints every task, then means by kind of task. About ten minutes on one core.
// Policies: training labels are never read. 'nothing': no label at all; 'balance': the class frequencies of the gold
// part and nothing else; 'gold N': the first N rows of the gold part given to Epoxy.fit. A row without a
// decision (ties, no evidence) counts as a guess among the classes that tie. Scores of a task: accuracy, macro F1 (the mean
// over the classes that occur), log-loss (probabilities at least 0.001), Brier score, milliseconds to fit and predict.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Epoxy, fitEndModel, LabelModel } from '../../dist/index.js';
import { readNpy } from '../../dist/io/npy.js';

const { values: args, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: '' },
    rows: { type: 'string', default: '' },
    json: { type: 'string' },
  },
});

/** A task's parts in the encoding that its classes ask for: two classes are signed. */
async function load(folder) {
  const about = JSON.parse(readFileSync(join(folder, 'task.json'), 'utf8'));
  const { classes } = about;
  const part = async (name) => {
    const [votes, labels, embeddings] = await Promise.all(
      ['votes', 'labels', 'embeddings'].map((what) => readNpy(join(folder, `${name}_${what}.npy`))),
    );
    const { shape } = votes;
    const signed = (vote) => (vote === 0 ? 0 : vote === 2 ? 1 : -1);
    return {
      votes: classes === 2 ? { data: votes.data.map(signed), shape } : { data: votes.data, shape, classes },
      labels: labels.data.map((y) => (classes === 2 ? 2 * y - 1 : y + 1)),
      embeddings,
    };
  };
  const [train, gold, test] = await Promise.all(['train', 'gold', 'test'].map(part));
  const baseline = async (name) => Float64Array.from((await readNpy(join(folder, `baseline_${name}.npy`))).data);
  return { about, train, gold, test, baseline };
}

function firstRows({ votes, labels, embeddings }, count) {
  const rows = Math.min(count, labels.length);
  const some = ({ data, shape: [, cols], ...rest }) => ({
    ...rest,
    data: data.slice(0, rows * cols),
    shape: [rows, cols],
  });
  return { votes: some(votes), labels: labels.slice(0, rows), embeddings: some(embeddings) };
}

const asTask = ({ votes, embeddings }) => ({ votes, embeddings });
/** n x K from what predictProba gives. */
const columns = (proba, classes) =>
  classes > 2
    ? proba
    : Float64Array.from({ length: 2 * proba.length }, (_, at) => (at % 2 ? proba[at >> 1] : 1 - proba[at >> 1]));

const model =
  (options) =>
  ({ train, gold, test }) => {
    const fitted = LabelModel.fit(train.votes, options(gold));
    return { proba: fitted.predictProba(test.votes), note: `${fitted.method}` };
  };
const epoxy =
  (options) =>
  async ({ train, gold, test }) => {
    const fitted = await Epoxy.fit({ ...asTask(train), ...options(gold) });
    const proba = fitted.predictProba(asTask(test));
    const { method, smoothing, thresholds, thresholdChoice } = fitted.report();
    fitted.close();
    const note = smoothing
      ? `${method}, ${smoothing.neighbors} neighbours, own ${smoothing.ownWeight}, gold ${smoothing.goldWeight}, end model ${smoothing.endModelWeight}`
      : `${method}, threshold ${thresholds[0].toFixed(3)}${thresholdChoice.each ? ' and others' : ''}`;
    return { proba, note };
  };
const balance = (gold) => ({ classBalance: { labels: gold.labels } });
/** Logistic regression on the label model's posteriors of the covered rows. */
const trained =
  (options) =>
  async ({ train, gold, test, about: { classes } }) => {
    const proba = LabelModel.fit(train.votes, options(gold)).predictProba(train.votes);
    const [rows, lfs] = train.votes.shape;
    const weights = Float64Array.from({ length: rows }, (_, row) =>
      train.votes.data.subarray(row * lfs, (row + 1) * lfs).some(Boolean) ? 1 : 0,
    );
    const unit = ({ data, shape }) => {
      const out = Float32Array.from(data);
      for (let row = 0; row < shape[0]; row++) {
        const mine = out.subarray(row * shape[1], (row + 1) * shape[1]);
        const norm = Math.sqrt(mine.reduce((sum, x) => sum + x * x, 0)) || 1;
        mine.set(mine.map((x) => x / norm));
      }
      return { data: out, shape };
    };
    const input = { embeddings: unit(train.embeddings), proba, weights, ...(classes > 2 && { classes }) };
    return { proba: fitEndModel(input).predictProba(unit(test.embeddings)), note: '' };
  };
const baseline =
  (name) =>
  async ({ baseline }) => ({ proba: await baseline(name), columns: true, note: '' });

const ROWS = {
  'majority vote': model(() => ({ method: 'majority' })),
  'LR on majority labels': baseline('lr'),
  'kNN on majority labels': baseline('knn'),
  'label model, nothing': model(() => ({})),
  'label model, estimate': model(() => ({ classBalance: 'estimate' })),
  'LR on label model, nothing': trained(() => ({})),
  'default, nothing': epoxy(() => ({})),
  'default, estimate': epoxy(() => ({ model: { classBalance: 'estimate' } })),
  'votes auto, nothing': epoxy(() => ({ extension: 'votes' })),
  'label model, balance': model(balance),
  'LR on label model, balance': trained(balance),
  'default, balance': epoxy((g) => ({ model: balance(g) })),
  'votes auto, balance': epoxy((g) => ({ extension: 'votes', model: balance(g) })),
  'gold 50 alone': baseline('gold50'),
  'default, gold 50': epoxy((g) => ({ gold: firstRows(g, 50) })),
  'gold 100 alone': baseline('gold100'),
  'default, gold 100': epoxy((g) => ({ gold: firstRows(g, 100) })),
  'votes auto, gold 100': epoxy((g) => ({ extension: 'votes', gold: firstRows(g, 100) })),
  'gold 500 alone': baseline('gold500'),
  'default, gold 500': epoxy((g) => ({ gold: firstRows(g, 500) })),
};

function scores(proba, labels, classes) {
  const index = (label) => (classes === 2 ? (label + 1) / 2 : label - 1);
  const [right, named, present] = [0, 0, 0].map(() => new Float64Array(classes));
  let [accuracy, loss, brier] = [0, 0, 0];
  labels.forEach((label, row) => {
    const p = proba.subarray(row * classes, (row + 1) * classes);
    const y = index(label);
    const most = Math.max(...p) - 1e-9;
    const tied = [...p.keys()].filter((c) => p[c] >= most);
    for (const c of tied) named[c] += 1 / tied.length;
    present[y]++;
    if (tied.includes(y)) {
      right[y] += 1 / tied.length;
      accuracy += 1 / tied.length;
    }
    loss -= Math.log(Math.max(1e-3, p[y]));
    brier += p.reduce((sum, q, c) => sum + (q - (c === y ? 1 : 0)) ** 2, 0);
  });
  const f1 = [...present.keys()].filter((c) => present[c] > 0).map((c) => (2 * right[c]) / (named[c] + present[c]));
  const n = labels.length;
  return { accuracy: accuracy / n, f1: f1.reduce((a, b) => a + b, 0) / f1.length, loss: loss / n, brier: brier / n };
}

const results = [];
const names = Object.keys(ROWS).filter((name) => name.includes(args.rows));
for (const name of readdirSync(positionals[0]).sort()) {
  if (!name.includes(args.only)) continue;
  const task = await load(join(positionals[0], name));
  const { classes, rows, rules, coverage, rarest, kind } = task.about;
  console.log(
    `${name}: ${kind}, ${rows} rows, ${classes} classes (rarest ${rarest.toFixed(2)}), ${rules} rules, ${coverage.toFixed(2)} covered`,
  );
  const row = { name, about: task.about, scores: {} };
  for (const policy of names) {
    const start = performance.now();
    const { proba, note, columns: ready } = await ROWS[policy](task);
    const ms = performance.now() - start;
    const found = { ...scores(ready ? proba : columns(proba, classes), task.test.labels, classes), ms };
    row.scores[policy] = { ...found, note };
    const show = ['accuracy', 'f1', 'loss', 'brier'].map((what) => found[what].toFixed(3)).join('  ');
    console.log(`  ${policy.padEnd(28)} ${show}  ${ms.toFixed(0).padStart(6)} ms  ${note}`);
  }
  results.push(row);
}
if (args.json) writeFileSync(args.json, JSON.stringify(results));

/** Tasks by kind, and simulations by what their embeddings are like. */
const groups = new Map();
for (const result of results) {
  const { kind, embedding } = result.about;
  for (const group of [kind, ...(embedding ? [`${kind}, embedding ${embedding}`] : [])])
    groups.set(group, [...(groups.get(group) ?? []), result]);
}
for (const [group, chosen] of groups) {
  console.log(`\n${group}: mean over ${chosen.length} tasks: accuracy, macro F1, log-loss, Brier score;`);
  console.log(`  accuracy above '${names[0]}' (one standard error)`);
  for (const policy of names) {
    const mean = (what) => chosen.reduce((sum, { scores: s }) => sum + s[policy][what], 0) / chosen.length;
    const above = chosen.map(({ scores: s }) => s[policy].accuracy - s[names[0]].accuracy);
    const average = above.reduce((a, b) => a + b, 0) / above.length;
    const squares = above.reduce((sum, a) => sum + (a - average) ** 2, 0);
    const error = Math.sqrt(squares / Math.max(1, above.length - 1) / above.length);
    const show = ['accuracy', 'f1', 'loss', 'brier'].map((what) => mean(what).toFixed(3)).join('  ');
    const sign = average >= 0 ? '+' : '';
    console.log(`  ${policy.padEnd(28)} ${show}   ${sign}${average.toFixed(3)} (${error.toFixed(3)})`);
  }
}
