// A session without thresholds: posteriors travel between neighbours, with the bits of Epoxy.fit on the same state.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Epoxy, type Metric, Session, type VoteMatrix } from '../lib/index.js';
import { generator, randomFloats } from './helpers/matrices.js';

let open: Session | undefined;
afterEach(() => open?.close());

interface State {
  columns: Map<string, Int8Array>;
  rows: number;
  gold: { rows: number[]; labels: number[] } | undefined;
}

function matrix({ columns, rows }: State, classes: number): VoteMatrix {
  const data = new Int8Array(rows * columns.size);
  Array.from(columns.values()).forEach((votes, j) => {
    votes.forEach((vote, row) => {
      data[row * columns.size + j] = vote;
    });
  });
  return classes === 0 ? { data, shape: [rows, columns.size] } : { data, shape: [rows, columns.size], classes };
}

describe('Session without thresholds', () => {
  it.each([
    ['cosine', 0, undefined],
    ['l2', 0, 7],
    ['dot', 4, undefined],
    ['cosine', 3, 2],
  ] as [Metric, number, number | undefined][])(
    'has the bits of Epoxy.fit after any edits (%s, classes %i, k %s)',
    async (metric, classes, k) => {
      for (let seed = 1; seed <= 6; seed++) {
        const next = generator(seed);
        const most = 140;
        const all = randomFloats(most, 6, seed);
        const part = (begin: number, end: number) => ({
          data: all.data.slice(begin * 6, end * 6),
          shape: [end - begin, 6] as [number, number],
        });
        const vote = () => (classes === 0 ? (next() < 0.5 ? 1 : -1) : 1 + Math.floor(next() * classes));
        const column = (rows: number, coverage: number) =>
          Int8Array.from({ length: rows }, () => (next() < coverage ? vote() : 0));
        let state: State = { columns: new Map(), rows: 90, gold: undefined };
        for (const name of ['a', 'b', 'c']) state.columns.set(name, column(90, 0.2));
        const past: State[] = [];
        open = await Session.open({
          embeddings: part(0, 90),
          metric,
          lfs: Array.from(state.columns, ([name, votes]) => ({ name, votes })),
          neighbors: 3,
          ...(k && { k }),
          ...(classes > 0 && { classes }),
        });
        for (let edit = 0; edit < 8; edit++) {
          const choice = Math.floor(next() * 5);
          const before = state;
          if (choice === 0) {
            const votes = column(state.rows, next() * 0.4);
            state = { ...state, columns: new Map(state.columns).set(`new${edit}`, votes) };
            await open.setVotes(`new${edit}`, votes);
          } else if (choice === 1) {
            const votes = state.columns.get('a')!.map((v) => (next() < 0.1 ? vote() : v));
            state = { ...state, columns: new Map(state.columns).set('a', votes) };
            await open.setVotes('a', votes);
          } else if (choice === 2) {
            const count = next() < 0.4 ? 4 : 14; // 10 labels choose the weights
            const rows = Array.from({ length: count }, (_, at) => (at * 6 + edit) % state.rows);
            state = { ...state, gold: { rows, labels: rows.map(vote) } };
            await open.setGold(rows, state.gold!.labels);
          } else if (choice === 3 && state.rows + 9 <= most) {
            const rows = 1 + Math.floor(next() * 9);
            const votes = new Map(Array.from(state.columns.keys(), (name) => [name, column(rows, 0.3)]));
            const embeddings = part(state.rows, state.rows + rows);
            const columns = new Map(
              Array.from(state.columns, ([name, old]) => [name, Int8Array.from([...old, ...votes.get(name)!])]),
            );
            state = { ...state, columns, rows: state.rows + rows };
            await open.appendRows({ embeddings, votes: Object.fromEntries(votes) });
          } else if (past.length > 0) {
            state = past.pop()!;
            await open.undo();
          }
          if (state !== before && !past.includes(before) && choice < 4) past.push(before);
          const epoxy = await Epoxy.fit({
            votes: matrix(state, classes),
            embeddings: part(0, state.rows),
            metric,
            endModel: false,
            ...(k && { k }),
            ...(state.gold && { gold: state.gold }),
          });
          expect(open.report()).toMatchObject({
            extension: 'posterior',
            smoothing: epoxy.report().smoothing,
            coverage: epoxy.report().coverage.extended,
          });
          expect(open.proba).toEqual(epoxy.proba);
          expect(open.labels).toEqual(epoxy.labels);
          expect(open.model.toJSON()).toEqual(epoxy.model.toJSON());
        }
        open.close();
      }
    },
  );

  const small = async (extra: object = {}) => {
    const next = generator(5);
    const embeddings = randomFloats(60, 5, 5);
    const votes = () => Int8Array.from({ length: 60 }, () => (next() < 0.3 ? (next() < 0.7 ? 1 : -1) : 0));
    open = await Session.open({ embeddings, lfs: ['a', 'b', 'c'].map((name) => ({ name, votes: votes() })), ...extra });
    return { session: open, embeddings };
  };

  it('turns to thresholds when a labelling function gets one, and back', async () => {
    const { session } = await small();
    const before = session.proba;
    expect(session.report().extension).toBe('posterior');
    await session.setThreshold('b', 0.5);
    expect(session.report().extension).toBe('votes');
    expect(session.report().smoothing).toBeUndefined();
    await session.setThreshold('b', Infinity);
    expect(session.report().extension).toBe('posterior');
    expect(session.proba).toEqual(before);
  });

  it('takes no threshold where posteriors were asked for, and no k where votes were', async () => {
    const { session, embeddings } = await small({ extension: 'posterior' });
    await expect(session.setThreshold('a', 0.5)).rejects.toThrow(/Expected no threshold under extension 'posterior'/);
    await expect(session.setVotes('a', new Int8Array(60), { threshold: 0.5 })).rejects.toThrow(/no threshold/);
    await expect(Session.open({ embeddings, extension: 'posterior', threshold: 0.5 })).rejects.toThrow(/no threshold/);
    await expect(Session.open({ embeddings, extension: 'votes', k: 3 })).rejects.toThrow(/no k/);
    await expect(Session.open({ embeddings, extension: 'other' as 'votes' })).rejects.toThrow(/extension/);
  });

  it('comes back from a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nearvote-session-'));
    try {
      const { session, embeddings } = await small({ k: 4, gold: { rows: [1, 2], labels: [1, -1] } });
      await session.save(join(folder, 'session.nv'));
      const again = await Session.load(join(folder, 'session.nv'), { embeddings });
      expect(again.proba).toEqual(session.proba);
      expect(again.report()).toEqual({ ...session.report(), bytes: again.report().bytes });
      again.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('takes over the lists of rows that come and go, with gold rows among them', async () => {
    const next = generator(11);
    const [rows, more] = [1500, 20];
    const all = randomFloats(rows + more, 8, 11);
    const part = (begin: number, end: number) => ({
      data: all.data.slice(begin * 8, end * 8),
      shape: [end - begin, 8] as [number, number],
    });
    const column = (count: number) =>
      Int8Array.from({ length: count }, () => (next() < 0.3 ? (next() < 0.7 ? 1 : -1) : 0));
    const columns = new Map(['a', 'b', 'c', 'd'].map((name) => [name, column(rows)]));
    const gold = {
      rows: Array.from({ length: 40 }, (_, at) => at * 37),
      labels: Array.from({ length: 40 }, () => (next() < 0.6 ? 1 : -1)),
    };
    open = await Session.open({
      embeddings: part(0, rows),
      lfs: Array.from(columns, ([name, votes]) => ({ name, votes })),
      k: 12,
      gold,
    });
    const session = open;
    const expectFresh = async (state: State) => {
      const { smoothing } = session.report();
      const epoxy = await Epoxy.fit({
        votes: matrix(state, 0),
        embeddings: part(0, state.rows),
        gold,
        k: 12,
        endModel: false,
      });
      expect(smoothing).toEqual(epoxy.report().smoothing);
      expect(session.proba).toEqual(epoxy.proba);
      expect(session.labels).toEqual(epoxy.labels);
    };
    await expectFresh({ columns, rows, gold });
    const votes = new Map(Array.from(columns.keys(), (name) => [name, column(more)]));
    await session.appendRows({ embeddings: part(rows, rows + more), votes: Object.fromEntries(votes) });
    const longer = new Map(Array.from(columns, ([name, old]) => [name, Int8Array.from([...old, ...votes.get(name)!])]));
    await expectFresh({ columns: longer, rows: rows + more, gold });
    await session.undo();
    await session.setVotes('a', columns.get('b')!);
    await expectFresh({ columns: new Map(columns).set('a', columns.get('b')!), rows, gold });
  });

  it('is as it was after an edit that was aborted half way', async () => {
    const next = generator(8);
    const rows = 3000;
    const embeddings = randomFloats(rows, 16, 8);
    const column = () => Int8Array.from({ length: rows }, () => (next() < 0.3 ? (next() < 0.8 ? 1 : -1) : 0));
    const gold = { rows: Array.from({ length: 12 }, (_, at) => at), labels: Array.from({ length: 12 }, () => 1) };
    let columns = new Map(['a', 'b', 'c'].map((name) => [name, column()]));
    open = await Session.open({ embeddings, lfs: Array.from(columns, ([name, votes]) => ({ name, votes })), gold });
    let aborted = 0;
    for (let delay = 0; delay < 12; delay++) {
      const controller = new AbortController();
      const votes = column();
      const edit = open.setVotes('a', votes, { signal: controller.signal });
      setTimeout(() => controller.abort(), delay);
      const done = await edit.then(
        () => true,
        () => false,
      );
      if (done) columns = new Map(columns).set('a', votes);
      else aborted++;
    }
    expect(aborted).toBeGreaterThan(0);
    await open.setVotes('b', columns.get('b')!);
    const votes = matrix({ columns, rows, gold }, 0);
    const epoxy = await Epoxy.fit({ votes, embeddings, gold, endModel: false });
    expect(open.proba).toEqual(epoxy.proba);
    expect(open.labels).toEqual(epoxy.labels);
  });

  it('explains a row by its own votes and its neighbours', async () => {
    const { session } = await small({ gold: { rows: [1, 2, 3], labels: [1, 1, -1] } });
    const [negative, positive] = session.model.classBalance as [number, number];
    for (let row = 0; row < 60; row++) {
      const { posterior, logOdds, neighbors } = session.explain(row);
      const { own, ownWeight, rows } = neighbors!;
      expect(1 / (1 + Math.exp(-logOdds!))).toBeCloseTo(own[0]!, 14);
      const odds = (1 - ownWeight) * Math.log(positive / negative) + ownWeight * logOdds! + neighbors!.logOdds!;
      expect(1 / (1 + Math.exp(-odds))).toBeCloseTo(posterior[0]!, 12);
      expect(posterior[0]).toBe(session.proba[row]);
      expect(rows.map((neighbor) => neighbor.row)).not.toContain(row);
      for (const neighbor of rows.filter((other) => other.row === 3)) expect(neighbor.state).toEqual([1, 0]);
    }
  });
});
