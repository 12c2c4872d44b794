// How fast does a session answer an edit, beside a full re-extension by the Epoxy way with FAISS? And what does it hold?
//   node bench/session.mjs [rows or rowsxdims ...]    default: 10000 100000, 768 dimensions
//   node bench/session.mjs --memory rowsxdims         only opens, and tells the memory
import { Session } from '../dist/index.js';
import { equalShare } from './lib/compare.mjs';
import { clustered, votesOn } from './lib/data.mjs';
import { isa, threads } from './lib/machine.mjs';
import { PythonPeer } from './lib/python.mjs';
import { report } from './lib/report.mjs';
import { median } from './lib/sample.mjs';

const m = 50;
const threshold = 0.5;
const ROUNDS = 10;
// Milliseconds: any edit at 10k rows; the median and the slowest at 100k.
const LIMITS = new Map([
  [10_000, { median: 10, worst: 10 }],
  [100_000, { median: 50, worst: 300 }],
]);
// FAISS needs minutes for 100k rows: a few labelling functions stand for all.
const FAISS_LFS = (n) => (n > 20_000 ? 2 : m);

const columnOf = ({ data, shape: [rows, lfs] }, lf) => Int8Array.from({ length: rows }, (_, i) => data[i * lfs + lf]);

function firstColumns({ data, shape: [rows, lfs] }, count) {
  const part = Int8Array.from({ length: rows * count }, (_, at) => data[Math.floor(at / count) * lfs + (at % count)]);
  return { data: part, shape: [rows, count] };
}

/** What a user does in turn: rules edited, added and removed, thresholds moved, gold labelled, rows added, edits undone. */
async function edits(session, columns, spare, rows) {
  const times = [];
  const lookedUp = [];
  const timed = async (edit) => {
    const change = await edit;
    times.push(change.milliseconds);
    lookedUp.push(change.lookedUp);
  };
  const n = session.rows;
  for (let round = 0; round < ROUNDS; round++) {
    const name = `lf${round * 3}`;
    const edited = columns[round * 3].map((vote, row) =>
      (row * 7919 + round) % 200 === 0 ? (vote === 0 ? 1 : 0) : vote,
    );
    await timed(session.setVotes(name, edited));
    await timed(session.setThreshold(name, threshold + 0.05));
    await timed(session.setThreshold(name, threshold - 0.05));
    await timed(session.setVotes(`new${round}`, spare[round], { threshold }));
    await timed(session.removeLf(`new${round}`));
    await timed(session.undo());
    await timed(session.undo());
    await timed(session.setGold([round, n - 1], [1, -1]));
  }
  await timed(session.appendRows({ embeddings: rows }));
  await timed(session.undo());
  return { times, lookedUp };
}

/** Without thresholds: one posterior per row that travels. Gold rows choose how, by cross-validation. */
async function smoothed(session, columns, rows) {
  const names = session.names;
  for (const name of names) await session.setThreshold(name, Infinity);
  const times = { edits: [], gold: [], append: [] };
  const n = session.rows;
  const edited = (round) => columns[round].map((vote, row) => ((row * 31 + round) % 97 === 0 ? 0 : vote));
  const run = async (kind, edit) => times[kind].push((await edit).milliseconds);
  for (let round = 0; round < ROUNDS; round++) await run('edits', session.setVotes(names[round], edited(round)));
  for (let round = 0; round < 3; round++) {
    await run('append', session.appendRows({ embeddings: rows }));
    await session.undo();
  }
  const gold = Array.from({ length: 200 }, (_, at) => Math.floor((at * n) / 200));
  const majority = (row) => (columns.reduce((sum, votes) => sum + votes[row], 0) >= 0 ? 1 : -1);
  await session.setGold(gold, gold.map(majority));
  for (let round = 0; round < 3; round++) await run('gold', session.setVotes(names[round], columns[round]));
  return times;
}

async function memory(n, d) {
  const { embeddings, cluster } = clustered({ n, d });
  const all = votesOn(cluster, { m });
  const lfs = Array.from({ length: m }, (_, lf) => ({ name: `lf${lf}`, votes: columnOf(all, lf), threshold }));
  const before = process.memoryUsage.rss();
  const start = performance.now();
  const session = await Session.open({ embeddings, lfs });
  const ms = performance.now() - start;
  const held = session.report().bytes / n;
  const peak = (process.resourceUsage().maxRSS * 1024 - before) / n;
  const work = `session, n = ${n}, d = ${d}, m = ${m}`;
  report({ isa, threads, work: `${work}: opening`, ms, range: [ms, ms] });
  report({ isa, threads, work: `${work}: held`, value: Math.round(held), unit: 'bytes a row', range: [held, held] });
  report({ isa, threads, work: `${work}: peak`, value: Math.round(peak), unit: 'bytes a row', range: [peak, peak] });
  session.close();
}

async function question(n, d, python, version) {
  const { embeddings, cluster } = clustered({ n, d });
  const all = votesOn(cluster, { m: m + ROUNDS });
  const column = Array.from({ length: m + ROUNDS }, (_, lf) => columnOf(all, lf));
  const lfs = column.slice(0, m).map((votes, lf) => ({ name: `lf${lf}`, votes, threshold }));
  const start = performance.now();
  const session = await Session.open({ embeddings, lfs });
  const opening = performance.now() - start;
  const bytes = session.report().bytes / n;

  const count = FAISS_LFS(n);
  let peerMs;
  let agreement;
  try {
    await python.load('embeddings', embeddings);
    await python.load('votes', firstColumns(all, count));
    peerMs =
      ((await python.time('extension_faiss', { embeddings: 'embeddings', votes: 'votes', threshold })) * m) / count;
    agreement = equalShare(firstColumns(session.votes, count).data, (await python.result()).data, 'votes');
  } catch (error) {
    agreement = `FAISS missing (${error.message})`;
  }

  const rows = clustered({ n: 10, d, rowSeed: 2 }).embeddings;
  const { times, lookedUp } = await edits(session, column, column.slice(m), rows);
  const posterior = await smoothed(session, column.slice(0, m), rows);
  session.close();
  const work = `session, n = ${n}, d = ${d}, m = ${m}`;
  const range = [Math.min(...times), Math.max(...times)];
  const limits = LIMITS.get(n) ?? {};
  const shared = { isa, threads, range };
  report({ ...shared, work: `${work}: opening`, ms: opening, range: [opening, opening] });
  report({ isa, threads, work: `${work}: memory`, value: Math.round(bytes), unit: 'bytes a row', range });
  report({ ...shared, work: `${work}: ${times.length} edits, median`, ms: median(times), atMost: limits.median });
  report({
    ...shared,
    work: `${work}: slowest edit`,
    ms: range[1],
    atMost: limits.worst,
    agreement: `at most ${Math.max(...lookedUp)} cells looked up beyond the lists`,
  });
  for (const [what, kind] of [
    ['an edited rule', 'edits'],
    ['ten rows appended', 'append'],
    ['an edited rule, 200 gold rows', 'gold'],
  ]) {
    const all = posterior[kind];
    const span = [Math.min(...all), Math.max(...all)];
    const atMost = limits.median;
    report({ isa, threads, range: span, work: `${work}, without thresholds: ${what}`, ms: median(all), atMost });
  }
  if (peerMs === undefined) return;
  report({
    ...shared,
    work: `${work}: median edit beside everything anew`,
    ms: median(times),
    peer: `FAISS ${version.faiss} per LF${count < m ? `, ${count} of ${m} LFs, times ${m / count}` : ''}`,
    peerMs,
    peerRange: [peerMs, peerMs],
    ratio: peerMs / median(times),
    ratioRange: [peerMs / range[1], peerMs / range[0]],
    atLeast: n >= 100_000 ? 1000 : undefined,
    agreement,
  });
}

const sizeOf = (text) => text.split('x').map(Number);
const args = process.argv.slice(2);
if (args[0] === '--memory') {
  for (const size of args.slice(1)) await memory(...sizeOf(size));
} else {
  const python = new PythonPeer();
  const version = await python.versions().catch(() => ({}));
  for (const size of args.length > 0 ? args : Array.from(LIMITS.keys(), String)) {
    const [n, d = 768] = sizeOf(size);
    await question(n, d, python, version);
  }
  python.close();
}
