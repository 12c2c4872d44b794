// Writing rules with the labels on screen: `node examples/interactive.mjs` in a checkout, after `npm install`. Each line is
// a rule for the messages of data/sms or a command, and is answered with what it changed and how long that took. Lines may
// also be piped in: printf 'spam free\nham \\bok\\b\n' | node examples/interactive.mjs
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Session } from 'nearvote';
import { readNpy } from '../dist/io/npy.js';

const HELP = `  spam PATTERN   a rule: messages that match this regular expression are spam (or: ham PATTERN)
  drop PATTERN   take the rules with this pattern away
  lend 0.65      lend votes to messages more similar than this (lend off: to none)
  why ROW        why a message has its label
  next           messages whose label would tell most
  label ROW spam the label of a message, as you read it (or: ham)
  suggest        rules that contradict each other or fail, and messages no rule speaks of
  list           the rules
  undo           take the last change back
  quit`;

const file = (name) => fileURLToPath(new URL(`../data/sms/${name}`, import.meta.url));
const lines = async (name) => (await readFile(file(name), 'utf8')).trimEnd().split('\n');
const numbers = async (name) => (await readNpy(file(name))).data;

// The train messages have no labels here; the valid ones are rows of the same session and score it.
const texts = [...(await lines('train_texts.jsonl')), ...(await lines('valid_texts.jsonl'))].map(
  (l) => JSON.parse(l).text,
);
const parts = [await numbers('train_embeddings.npy'), await numbers('valid_embeddings.npy')];
const vectors = new Float32Array(parts[0].length + parts[1].length);
vectors.set(parts[0]);
vectors.set(parts[1], parts[0].length);
const truth = await numbers('valid_labels.npy');
const first = texts.length - truth.length;

let threshold = 0.6;
const started = performance.now();
const session = await Session.open({
  embeddings: { data: vectors, shape: [texts.length, vectors.length / texts.length] },
  gold: { rows: Array.from(truth, (_, i) => first + i), labels: truth },
  threshold,
});
const ms = (time) => `${time.toFixed(1)} ms`;
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const cut = (text, length) => (text.length > length ? `${text.slice(0, length - 3)}...` : text);
console.log(
  `${texts.length} messages, opened in ${ms(performance.now() - started)}. Type a rule, for example: spam free|prize`,
);
console.log(`${HELP}\n`);

/** F1 of spam on the valid messages; those without a label count as ham. */
function f1() {
  const guesses = session.labels.subarray(first);
  const count = (test) => guesses.reduce((sum, guess, i) => sum + (test(guess === 1, truth[i] === 1) ? 1 : 0), 0);
  const hits = count((guess, spam) => guess && spam);
  return (2 * hits) / Math.max(1, count((guess) => guess) + count((_, spam) => spam));
}

/** What a change did: one line. */
function tell(change, from = '') {
  const lf = change.lf ? `${percent(change.lf.coverage)} match, lent to ${percent(change.lf.extendedCoverage)}; ` : '';
  console.log(
    `  ${lf}${change.labels.length} labels changed, ${percent(session.report().coverage)} of messages have a vote, ` +
      `F1 on valid ${f1().toFixed(3)} (${ms(change.milliseconds)}${from})`,
  );
}

/** With one or two rules every vote counts the same; with more, as log-odds, by how far the rule is trusted. */
function why(row) {
  const { label, posterior, scale, prior, evidence } = session.explain(row);
  const figure = ({ vote, logOdds }) => (scale === 'log' ? logOdds.toFixed(2) : vote > 0 ? '+1' : '-1').padStart(7);
  console.log(`  "${cut(texts[row], 90)}"`);
  console.log(`  ${['ham', 'no label', 'spam'][label + 1]}, P(spam) = ${posterior[0].toFixed(3)}`);
  if (scale === 'log') console.log(`  ${figure(prior)}  log-odds before any vote`);
  for (const item of evidence) {
    const { source, neighbor } = item;
    if (source === 'abstains') continue;
    const through = neighbor && ` through "${cut(texts[neighbor.row], 60)}" (${neighbor.score.toFixed(2)})`;
    console.log(`  ${figure(item)}  ${item.lf}${through ?? ''}`);
  }
}

const show = (row) => `${String(row).padStart(7)}  "${cut(texts[row], 80)}"`;

function suggest() {
  const { conflicts, weak, uncovered } = session.suggest();
  for (const { lfs, disagreements, overlap, expected, rows } of conflicts) {
    console.log(`  "${lfs[0]}" against "${lfs[1]}": ${disagreements} of ${overlap}, ${expected.toFixed(0)} expected`);
    console.log(show(rows[0]));
  }
  for (const { lf, accuracy, chance } of weak)
    console.log(`  "${lf}" is right in ${percent(accuracy)}, a guess would be in ${percent(chance)}`);
  for (const { size, rows } of uncovered.slice(0, 3)) {
    console.log(`  ${size} messages without a vote, such as`);
    for (const row of rows.slice(0, 2)) console.log(show(row));
  }
}

async function label(row, vote) {
  const { rows, labels } = session.gold;
  const known = new Map(Array.from(rows, (r, i) => [r, labels[i]])).set(row, vote);
  tell(await session.setGold([...known.keys()], [...known.values()]));
}

/** Answers one line; false: the end. */
async function answer(line) {
  const [, command, rest] = /^(\S*)\s*(.*)$/.exec(line.trim());
  if (command === '' || command === 'quit') return command === '';
  if (command === 'spam' || command === 'ham') {
    const pattern = new RegExp(rest, 'i');
    const vote = command === 'spam' ? 1 : -1;
    const votes = Int8Array.from(texts, (text) => (pattern.test(text) ? vote : 0));
    tell(await session.setVotes(`${command} ${rest}`, votes, { threshold }));
  } else if (command === 'drop') {
    for (const name of session.names)
      if (name === `spam ${rest}` || name === `ham ${rest}`) tell(await session.removeLf(name));
  } else if (command === 'lend') {
    threshold = rest === 'off' ? Infinity : Number(rest);
    for (const name of session.names) tell(await session.setThreshold(name, threshold), `, ${name}`);
  } else if (command === 'undo') tell(await session.undo());
  else if (command === 'why') why(Number(rest));
  else if (command === 'suggest') suggest();
  else if (command === 'next') for (const row of session.nextToLabel(3)) console.log(show(row));
  else if (command === 'label' && /^\d+ (spam|ham)$/.test(rest))
    await label(Number.parseInt(rest, 10), rest.endsWith('spam') ? 1 : -1);
  else if (command === 'list') {
    for (const { name, coverage, extendedCoverage, accuracy, gold } of session.report().lfs) {
      const judged = `${gold.correct} right, ${gold.incorrect} wrong on valid`;
      console.log(
        `  ${name}: ${percent(coverage)} match, lent to ${percent(extendedCoverage)}, accuracy about ${accuracy.estimate.toFixed(2)}, ${judged}`,
      );
    }
  } else console.log(HELP);
  return true;
}

const terminal = createInterface({
  input: process.stdin,
  output: process.stdout,
  terminal: process.stdin.isTTY,
  prompt: '> ',
});
terminal.prompt();
for await (const line of terminal) {
  if (!process.stdin.isTTY) console.log(line);
  try {
    if (!(await answer(line))) break;
  } catch (error) {
    console.log(`  ${error.message.split('\n')[0]}`);
  }
  terminal.prompt();
}
session.close();
