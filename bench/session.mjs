// How fast does a session answer an edit, beside a full re-extension by the Epoxy way with FAISS?
//   node bench/session.mjs [rows ...]    default: 10000 100000
import { Session } from '../dist/index.js';
import { equalShare } from './lib/compare.mjs';
import { clustered, votesOn } from './lib/data.mjs';
import { isa, threads } from './lib/machine.mjs';
import { PythonPeer } from './lib/python.mjs';
import { report } from './lib/report.mjs';
import { median } from './lib/sample.mjs';

const d = 768;
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

async function question(n, python, version) {
  const { embeddings, cluster } = clustered({ n, d });
  const all = votesOn(cluster, { m: m + ROUNDS });
  const column = Array.from({ length: m + ROUNDS }, (_, lf) => columnOf(all, lf));
  const lfs = column.slice(0, m).map((votes, lf) => ({ name: `lf${lf}`, votes }));
  const start = performance.now();
  const session = await Session.open({ embeddings, lfs, threshold });
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

const python = new PythonPeer();
const version = await python.versions().catch(() => ({}));
const sizes = process.argv.slice(2).map(Number);
for (const n of sizes.length > 0 ? sizes : LIMITS.keys()) await question(n, python, version);
python.close();
