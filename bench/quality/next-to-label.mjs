// Is a label asked for by nextToLabel worth more than one at random? A session of the train and test rows without
// thresholds, with the first few labelling functions (with all of them no label adds much to youtube and sms); ten train rows at a time get their label, chosen by nextToLabel or at random (5 seeds, mean); the score is
// that of the session's labels on the test rows, which are never labelled. The class balance is that of the validation
// labels, as rows chosen on purpose are no sample of the classes. Rows left undecided: the likelier class.
//   node bench/quality/next-to-label.mjs [--data ../shared/data] [--lfs 4] [set ...]
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Session, toVotes } from '../../dist/index.js';
import { readNpy } from '../../dist/io/npy.js';

const { values: args, positionals } = parseArgs({
  options: { data: { type: 'string', default: '../shared/data' }, lfs: { type: 'string', default: '4' } },
  allowPositionals: true,
});
const SETS = positionals.length > 0 ? positionals : ['youtube', 'sms', 'trec'];
const CLASSES = { trec: 6 };
const BATCH = 10;
const LABELS = [0, 10, 20, 50, 100];
const SEEDS = [1, 2, 3, 4, 5];

async function load(set) {
  const classes = CLASSES[set];
  const parts = await Promise.all(
    ['train', 'test'].map(async (split) => {
      const [votes, labels, embeddings] = await Promise.all(
        ['votes', 'labels', 'embeddings'].map((what) => readNpy(join(args.data, set, `${split}_${what}.npy`))),
      );
      return {
        votes: classes ? toVotes(votes.data, { encoding: 'snorkel', shape: votes.shape, classes }) : votes,
        labels: classes ? Int8Array.from(labels.data, (y) => y + 1) : labels.data,
        embeddings,
      };
    }),
  );
  const valid = await readNpy(join(args.data, set, 'valid_labels.npy'));
  const balance = Array.from({ length: classes ?? 2 }, (_, c) => {
    const label = classes ? c : 2 * c - 1;
    return (valid.data.filter((y) => y === label).length + 1) / (valid.data.length + (classes ?? 2));
  });
  const join2 = (what, Type) => Type.from([...parts[0][what].data, ...parts[1][what].data]);
  const rows = parts[0].labels.length + parts[1].labels.length;
  const lfs = parts[0].votes.shape[1];
  const votes = join2('votes', Int8Array);
  return {
    classes,
    balance,
    rows,
    train: parts[0].labels.length,
    labels: Int8Array.from([...parts[0].labels, ...parts[1].labels]),
    embeddings: { data: join2('embeddings', Float32Array), shape: [rows, parts[0].embeddings.shape[1]] },
    lfs: Array.from({ length: Math.min(lfs, Number(args.lfs)) }, (_, j) => ({
      name: `lf${j}`,
      votes: Int8Array.from({ length: rows }, (_, row) => votes[row * lfs + j]),
    })),
  };
}

/** A permutation of the train rows: mulberry32 and Fisher-Yates. */
function shuffled(count, seed) {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const order = Array.from({ length: count }, (_, row) => row);
  for (let at = count - 1; at > 0; at--) {
    const other = Math.floor(uniform() * (at + 1));
    [order[at], order[other]] = [order[other], order[at]];
  }
  return order;
}

/** Accuracy, or F1 of spam for sms, on the test rows. */
function score(session, { labels, train, classes }, set) {
  const balance = session.model.classBalance;
  const likelier = balance.indexOf(Math.max(...balance));
  const fallback = classes ? likelier + 1 : 2 * likelier - 1;
  const found = Array.from(session.labels.subarray(train), (label) => label || fallback);
  const truth = labels.subarray(train);
  const share = (test) => found.filter((label, row) => test(label, truth[row])).length;
  if (set !== 'sms') return share((label, y) => label === y) / found.length;
  return (2 * share((label, y) => label === 1 && y === 1)) / (share((label) => label === 1) + share((_, y) => y === 1));
}

/** Scores after as many labels as LABELS say. choose(session, taken): the next rows to label. */
async function loop(session, data, set, choose) {
  const scores = [];
  const taken = [];
  await session.setGold([], []);
  while (true) {
    if (LABELS.includes(taken.length)) scores.push(score(session, data, set));
    if (taken.length >= LABELS.at(-1)) return scores;
    taken.push(...choose(session, taken));
    await session.setGold(
      taken,
      taken.map((row) => data.labels[row]),
    );
  }
}

for (const set of SETS) {
  const data = await load(set);
  const { embeddings, lfs, classes, train, balance } = data;
  const model = { classBalance: balance };
  const session = await Session.open({ embeddings, lfs, model, ...(classes && { classes }) });
  const asked = await loop(session, data, set, () =>
    Array.from(session.nextToLabel(data.rows))
      .filter((row) => row < train)
      .slice(0, BATCH),
  );
  const random = [];
  for (const seed of SEEDS) {
    const order = shuffled(train, seed);
    random.push(await loop(session, data, set, (_, taken) => order.slice(taken.length, taken.length + BATCH)));
  }
  session.close();
  const mean = LABELS.map((_, at) => random.reduce((sum, scores) => sum + scores[at], 0) / SEEDS.length);
  const line = (name, scores) =>
    console.log(`${name.padEnd(22)}${scores.map((s) => s.toFixed(3).padStart(8)).join('')}`);
  console.log(`${`${set}, labels`.padEnd(22)}${LABELS.map((count) => String(count).padStart(8)).join('')}`);
  line('  nextToLabel', asked);
  line('  random', mean);
}
