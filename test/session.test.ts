// A session against the whole method from scratch, bit for bit, and what it answers along the way.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Epoxy, LabelModel, type LabelModelOptions, type Metric, Session, type VoteMatrix } from '../lib/index.js';
import { generator, randomFloats } from './helpers/matrices.js';

interface Lf {
  name: string;
  votes: Int8Array;
  threshold: number;
}

let open: Session | undefined;
afterEach(() => open?.close());

function matrix(lfs: readonly Lf[], rows: number, classes: number): VoteMatrix {
  const data = new Int8Array(rows * lfs.length);
  lfs.forEach(({ votes }, j) => {
    votes.forEach((vote, row) => {
      data[row * lfs.length + j] = vote;
    });
  });
  return classes === 0 ? { data, shape: [rows, lfs.length] } : { data, shape: [rows, lfs.length], classes };
}

describe('Session', () => {
  it.each([
    ['cosine', 0, undefined],
    ['l2', 4, { method: 'majority' }],
    ['dot', 3, { method: 'triplet-mean', signs: 'all-positive' }],
    ['cosine', 0, { compat: 'flyingsquid', method: 'triplet-mean' }],
  ] as [Metric, number, LabelModelOptions | undefined][])(
    'has the bits of Epoxy.fit after any edits (%s, classes %i, %o)',
    async (metric, classes, model) => {
      for (let seed = 1; seed <= 12; seed++) {
        const next = generator(seed);
        const rows = 40 + Math.floor(next() * 60);
        const embeddings = randomFloats(rows, 6, seed);
        const vote = () => (classes === 0 ? (next() < 0.5 ? 1 : -1) : 1 + Math.floor(next() * classes));
        const column = (coverage: number) => Int8Array.from({ length: rows }, () => (next() < coverage ? vote() : 0));
        const threshold = () => (metric === 'l2' ? next() * 4 : metric === 'dot' ? next() * 8 - 2 : next() * 1.4 - 0.4);
        let gold: { rows: number[]; labels: number[] } | undefined;
        let lfs: Lf[] = ['a', 'b', 'c'].map((name) => ({ name, votes: column(0.2), threshold: threshold() }));
        const past: { lfs: Lf[]; gold: typeof gold }[] = [];
        open = await Session.open({
          embeddings,
          metric,
          lfs,
          neighbors: 1 + Math.floor(next() * 8),
          ...(classes > 0 && { classes }),
          ...(model && { model }),
        });
        for (let edit = 0; edit < 8; edit++) {
          const j = Math.floor(next() * lfs.length);
          const choice = Math.floor(next() * 6);
          past.push({ lfs, gold });
          if (choice === 0 || lfs.length < 3) {
            const lf = { name: `new${edit}`, votes: column(next() * 0.5), threshold: threshold() };
            lfs = [...lfs, lf];
            await open.setVotes(lf.name, lf.votes, { threshold: lf.threshold });
          } else if (choice === 1) {
            const votes = lfs[j]!.votes.map((v) => (next() < 0.05 ? vote() : next() < 0.05 ? 0 : v));
            lfs = lfs.map((lf, at) => (at === j ? { ...lf, votes } : lf));
            await open.setVotes(lfs[j]!.name, votes);
          } else if (choice === 2) {
            lfs = lfs.map((lf, at) => (at === j ? { ...lf, threshold: threshold() } : lf));
            await open.setThreshold(lfs[j]!.name, lfs[j]!.threshold);
          } else if (choice === 3 && lfs.length > 3) {
            await open.removeLf(lfs[j]!.name);
            lfs = lfs.filter((_, at) => at !== j);
          } else if (choice === 4) {
            gold = { rows: [0, 1, 2, 3], labels: [vote(), vote(), 0, vote()] };
            await open.setGold(gold.rows, gold.labels);
          } else {
            past.pop();
            const before = past.pop();
            if (before) {
              ({ lfs, gold } = before);
              await open.undo();
            }
          }
          const votes = matrix(lfs, rows, classes);
          const epoxy = await Epoxy.fit({
            votes,
            embeddings,
            metric,
            thresholds: lfs.map((lf) => lf.threshold),
            ...(gold && { gold }),
            ...(model && { model }),
          });
          expect(open.votes).toEqual(epoxy.votes);
          expect(open.proba).toEqual(epoxy.proba);
          expect(open.labels).toEqual(epoxy.labels);
          expect(open.model.toJSON()).toEqual(epoxy.model.toJSON());
        }
        open.close();
      }
    },
  );

  const small = async (extra: object = {}) => {
    const next = generator(7);
    const embeddings = randomFloats(50, 5, 7);
    const votes = (coverage: number) =>
      Int8Array.from({ length: 50 }, () => (next() < coverage ? (next() < 0.7 ? 1 : -1) : 0));
    const lfs = ['a', 'b', 'c', 'd'].map((name) => ({ name, votes: votes(0.3), threshold: 0.6 }));
    open = await Session.open({ embeddings, lfs, ...extra });
    return { session: open, lfs, embeddings };
  };

  it('applies edits in the order they were called', async () => {
    const { session, lfs } = await small();
    const done: string[] = [];
    await Promise.all([
      session.setThreshold('a', 0.9).then(() => done.push('first')),
      session.removeLf('a').then(() => done.push('second')),
      session.setThreshold('a', 0.5).catch((error: Error) => done.push(error.message)),
      session.setVotes('a', lfs[0]!.votes, { threshold: 0.2 }).then(() => done.push('last')),
    ]);
    expect(done).toEqual([
      'first',
      'second',
      "Expected a labelling function of this session for name but received 'a'",
      'last',
    ]);
    expect(session.names).toEqual(['b', 'c', 'd', 'a']);
    expect(session.lf('a')?.threshold).toBe(0.2);
  });

  it('says what an edit changed', async () => {
    const { session, lfs } = await small();
    const [labels, proba, votes] = [session.labels, session.proba, session.votes.data];
    const change = await session.setVotes(
      'b',
      lfs[1]!.votes.map((v, row) => (row < 10 ? 0 : v)),
    );
    const rows = Array.from({ length: 50 }, (_, row) => row);
    const covered = (data: Int8Array, row: number) => data.subarray(row * 4, row * 4 + 4).some((v) => v !== 0);
    expect(Array.from(change.labels)).toEqual(rows.filter((row) => session.labels[row] !== labels[row]));
    expect(Array.from(change.posteriors)).toEqual(rows.filter((row) => session.proba[row] !== proba[row]));
    expect(Array.from(change.coverage)).toEqual(
      rows.filter((row) => covered(session.votes.data, row) !== covered(votes, row)),
    );
    expect(change.lf?.name).toBe('b');
    expect(change.lf?.coverage).toBe(lfs[1]!.votes.slice(10).filter((v) => v !== 0).length / 50);
    expect(change.milliseconds).toBeGreaterThan(0);
  });

  it('survives bad edits unchanged', async () => {
    const { session, lfs } = await small();
    const before = [session.labels, session.proba, session.report().lfs];
    const bad = (edit: Promise<unknown>, message: RegExp) => expect(edit).rejects.toThrow(message);
    await bad(session.setVotes('a', new Int8Array(49)), /Expected 50 votes for votes but received 49/);
    await bad(session.setVotes('a', new Int8Array(50).fill(2)), /Expected -1, 0 or 1 for votes of 'a'\[row 0/);
    await bad(session.setVotes('', lfs[0]!.votes), /Expected a name for lf.name/);
    await bad(session.setVotes('a', [] as unknown as Int8Array), /Expected a Int8Array for votes/);
    await bad(session.setThreshold('a', Number.NaN), /Expected a number for threshold but received NaN/);
    await bad(session.setThreshold('nobody', 1), /Expected a labelling function of this session/);
    await bad(session.removeLf('nobody'), /Expected a labelling function of this session/);
    await bad(session.setGold([50], [1]), /gold.rows\[0\]/);
    await bad(session.setGold([0], [3]), /gold.labels\[0\]/);
    await bad(session.setModel({ method: 'guess' as 'majority' }), /method/);
    await bad(session.undo(), /Expected an edit to take back for undo but received none/);
    expect(() => session.explain(50)).toThrow(/row/);
    const aborted = AbortSignal.abort(new Error('enough'));
    await bad(session.setVotes('a', lfs[1]!.votes, { signal: aborted }), /enough/);
    expect([session.labels, session.proba, session.report().lfs]).toEqual(before);
    await session.setThreshold('a', 0.5);
    expect(session.lf('a')?.threshold).toBe(0.5);
  });

  it('copies a column when it is handed over', async () => {
    const { session, lfs } = await small();
    const column = lfs[0]!.votes.slice();
    const edit = session.setVotes('z', column, { threshold: 0.6 });
    column.fill(-1);
    await edit;
    expect(session.lf('z')?.coverage).toBe(session.lf('a')?.coverage);
  });

  it('explains a row by parts that add up to its posterior', async () => {
    const { session } = await small({ gold: { rows: [1, 2, 3], labels: [1, 1, -1] } });
    for (let row = 0; row < 50; row++) {
      const { prior, evidence, posterior, scale, logOdds: sum } = session.explain(row);
      expect(scale).toBe('log');
      expect(evidence.reduce((total, { logOdds }) => total + logOdds!, prior.logOdds!)).toBe(sum);
      // exp may differ in the last place between JavaScript and C++; the core's test has the bits.
      const ratio = Math.exp(-Math.abs(sum!));
      expect(Math.abs((sum! > 0 ? 1 : ratio) / (1 + ratio) - posterior[0]!)).toBeLessThanOrEqual(2 ** -53);
      expect(posterior[0]).toBe(session.proba[row]);
      const votes = session.votes.data.subarray(row * 4, row * 4 + 4);
      expect(evidence.map(({ vote }) => vote)).toEqual(Array.from(votes).filter((v) => v !== 0));
      for (const { source, neighbor } of evidence) {
        expect(source).toBe(neighbor === undefined ? 'direct' : 'neighbor');
        if (neighbor) expect(neighbor.score).toBeGreaterThan(0.6);
      }
    }
  });

  it('opens without labelling functions and reports each one it is given', async () => {
    const embeddings = randomFloats(30, 4, 3);
    open = await Session.open({ embeddings, extension: 'votes' });
    expect(open.labels).toEqual(new Int8Array(30));
    const { lf } = await open.setVotes('only', new Int8Array(30).fill(1, 0, 6));
    expect(lf).toMatchObject({ polarity: [1], coverage: 0.2, extendedCoverage: 0.2, overlaps: 0, conflicts: 0 });
    expect(open.gold).toBeUndefined();
    await open.setGold([0, 29], [1, 1]);
    expect(open.gold).toEqual({ rows: Int32Array.of(0, 29), labels: Int8Array.of(1, 1) });
    expect(open.report()).toMatchObject({ rows: 30, coverage: 0.2, gold: { correct: 1, incorrect: 0, unlabelled: 1 } });
    expect(open.lf('only')?.gold).toEqual({ correct: 1, incorrect: 0 });
    expect(open.model).toBeInstanceOf(LabelModel);
  });

  it.each(['cosine', 'l2'] as const)(
    'takes rows in, to the bits of a session opened with them (%s)',
    async (metric) => {
      const all = randomFloats(90, 6, 11);
      const next = generator(12);
      const part = (begin: number, end: number) => ({
        data: all.data.slice(begin * 6, end * 6),
        shape: [end - begin, 6] as [number, number],
      });
      const column = () => Int8Array.from({ length: 90 }, () => (next() < 0.2 ? (next() < 0.5 ? 1 : -1) : 0));
      const lfs = ['a', 'b', 'c'].map((name) => ({ name, votes: column(), threshold: 0.8 }));
      lfs[2]!.votes.fill(0, 60);
      const shared = { metric, neighbors: 4 };
      const whole = await Session.open({ ...shared, embeddings: all, lfs });
      const early = lfs.map((lf) => ({ ...lf, votes: lf.votes.slice(0, 60) }));
      open = await Session.open({ ...shared, embeddings: part(0, 60), lfs: early });
      const before = [open.labels, open.proba];
      const votes = (begin: number, end: number) =>
        Object.fromEntries(lfs.slice(0, 2).map((lf) => [lf.name, lf.votes.slice(begin, end)]));
      await open.appendRows({ embeddings: part(60, 61), votes: votes(60, 61) });
      await open.undo();
      expect([open.labels, open.proba]).toEqual(before);
      await open.appendRows({ embeddings: part(60, 75), votes: votes(60, 75) });
      const change = await open.appendRows({ embeddings: part(75, 90), votes: votes(75, 90) });
      expect(Array.from(change.labels).filter((row) => row >= 75)).toHaveLength(15);
      expect(open.rows).toBe(90);
      expect([open.votes, open.labels, open.proba]).toEqual([whole.votes, whole.labels, whole.proba]);
      whole.close();

      await expect(open.appendRows({ embeddings: part(0, 2), votes: { z: new Int8Array(2) } })).rejects.toThrow(/'z'/);
      await expect(open.appendRows({ embeddings: part(0, 2), votes: { a: new Int8Array(3) } })).rejects.toThrow(
        /2 votes/,
      );
      await expect(open.appendRows({ embeddings: randomFloats(2, 5, 1) })).rejects.toThrow(/Expected 6 columns/);
      await expect(open.appendRows({ embeddings: part(0, 1), votes: { a: Int8Array.of(5) } })).rejects.toThrow(
        /-1, 0 or 1/,
      );
      expect(open.rows).toBe(90);
    },
  );

  it('comes back from a file, and from nothing but its own', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nearvote-session-'));
    const path = join(folder, 'session.nv');
    try {
      const { session, embeddings } = await small({ gold: { rows: [4, 5], labels: [1, -1] } });
      await session.setThreshold('b', Number.POSITIVE_INFINITY);
      await session.setModel({ method: 'triplet-mean', classBalance: Float64Array.of(0.3, 0.7) });
      await session.save(path);
      const again = await Session.load(path, { embeddings });
      expect(again.report()).toEqual({ ...session.report(), bytes: again.report().bytes });
      expect([again.labels, again.proba, again.votes]).toEqual([session.labels, session.proba, session.votes]);
      await Promise.all([session.removeLf('c'), again.removeLf('c')]);
      expect(again.proba).toEqual(session.proba);
      again.close();

      await expect(Session.load(path, { embeddings: randomFloats(50, 5, 8) })).rejects.toThrow(
        /Expected the embeddings the session was saved with for embeddings/,
      );
      await expect(Session.load(join(folder, 'none'), { embeddings })).rejects.toThrow(/Expected a file/);
      const bytes = await readFile(path);
      const notes = Buffer.from(bytes);
      notes[notes.indexOf('"threshold"')] = 0x21;
      await writeFile(path, notes);
      await expect(Session.load(path, { embeddings })).rejects.toThrow(/Expected an undamaged session file for path/);
      await writeFile(path, bytes.subarray(0, -9));
      await expect(Session.load(path, { embeddings })).rejects.toThrow(/Expected an undamaged session file/);

      await writeFile(path, 'before');
      const aborted = AbortSignal.abort(new Error('not now'));
      await expect(session.save(path, { signal: aborted })).rejects.toThrow('not now');
      expect(await readFile(path, 'utf8')).toBe('before');
      expect(await readdir(folder)).toEqual(['session.nv']);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('aborts while opening', async () => {
    const controller = new AbortController();
    const opening = Session.open({ embeddings: randomFloats(20_000, 64, 1) }, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('no longer wanted')), 5);
    await expect(opening).rejects.toThrow('no longer wanted');
  });

  it('tells how far opening is, over its lists and columns, and aborts in either', async () => {
    const input = { embeddings: randomFloats(2000, 8, 1), neighbors: 1, threshold: 0.1 };
    const votes = (lf: number) => Int8Array.from({ length: 2000 }, (_, row) => ((row + lf) % 5 === 0 ? 1 : 0));
    const lfs = [0, 1, 2, 3].map((lf) => ({ name: `${lf}`, votes: votes(lf) }));
    const told: number[] = [];
    open = await Session.open({ ...input, lfs }, { onProgress: (fraction) => told.push(fraction) });
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told).toContain(0.5); // the lists are made
    expect(told.at(-1)).toBe(1);
    const controller = new AbortController();
    const onProgress = (fraction: number) => {
      if (fraction >= 0.5) controller.abort(new Error('no longer wanted'));
    };
    await expect(Session.open({ ...input, lfs }, { onProgress, signal: controller.signal })).rejects.toThrow(
      'no longer',
    );
  });

  it('is closed for good', async () => {
    const { session } = await small();
    const edit = session.setThreshold('a', 0);
    session.close();
    await expect(edit).rejects.toThrow(/Expected an open Session/);
    expect(() => session.labels).toThrow(/Expected an open Session/);
    await expect(session.setThreshold('a', 0)).rejects.toThrow(/Expected an open Session/);
  });
});
