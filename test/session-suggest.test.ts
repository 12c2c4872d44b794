// What a session suggests: planted regions, conflicts and bad rules are found, and nothing is found where none was planted.
import { afterEach, describe, expect, it } from 'vitest';
import { type Metric, Session } from '../lib/index.js';
import { generator } from './helpers/matrices.js';

let open: Session | undefined;
afterEach(() => open?.close());

const SIZE = 40;
const DIMS = 16;

/** Groups of rows around centres of their own, one after the other. */
function groups(count: number, seed = 1) {
  const next = generator(seed);
  const centres = Array.from({ length: count * DIMS }, () => 2 * next() - 1);
  const data = Float32Array.from(
    { length: count * SIZE * DIMS },
    (_, at) => centres[Math.floor(at / DIMS / SIZE) * DIMS + (at % DIMS)]! + 0.2 * (next() - 0.5),
  );
  return { data, shape: [count * SIZE, DIMS] as [number, number] };
}
const groupOf = (row: number) => Math.floor(row / SIZE);

/** Votes by group, with this share of the rows and this accuracy. */
function rule(rows: number, seed: number, vote: (group: number) => number, coverage = 0.7, accuracy = 0.95) {
  const next = generator(seed);
  return Int8Array.from({ length: rows }, (_, row) => {
    const right = next() < accuracy ? 1 : -1;
    return next() < coverage ? right * vote(groupOf(row)) : 0;
  });
}

/** The truth of a group. */
const truth = (group: number) => (group % 2 === 0 ? 1 : -1);

describe('what a session suggests', () => {
  it.each(['cosine', 'l2', 'dot'] as Metric[])(
    'names regions without a vote, the largest first (%s)',
    async (metric) => {
      const embeddings = groups(6);
      const rows = embeddings.shape[0];
      // Nobody votes on group 4, and on group 2 only on its first ten rows.
      const speaks = (row: number) => groupOf(row) !== 4 && (groupOf(row) !== 2 || row % SIZE < 10);
      const lfs = [1, 2, 3].map((seed) => ({
        name: `lf${seed}`,
        votes: rule(rows, seed, truth, 1).map((vote, row) => (speaks(row) ? vote : 0)),
      }));
      for (const extension of ['votes', 'posterior'] as const) {
        open = await Session.open({ embeddings, metric, lfs, extension });
        const { uncovered } = open.suggest();
        expect(uncovered.map(({ size }) => size)).toEqual([40, 30]);
        expect(uncovered.map(({ row }) => groupOf(row))).toEqual([4, 2]);
        for (const { row, rows: examples } of uncovered) {
          expect(examples[0]).toBe(row);
          expect(new Set(examples).size).toBe(5);
          for (const example of examples) expect([groupOf(example), speaks(example)]).toEqual([groupOf(row), false]);
        }
        open.close();
      }
    },
  );

  it('names two labelling functions that contradict each other, with rows', async () => {
    const embeddings = groups(8);
    const rows = embeddings.shape[0];
    const lfs = [1, 2, 3].map((seed) => ({ name: `lf${seed}`, votes: rule(rows, seed, truth) }));
    // Both are right elsewhere, and meet on group 0 only.
    const yes = rule(rows, 4, (group) => (group % 2 === 0 ? 1 : 0), 0.9, 1);
    const no = rule(rows, 5, (group) => (group % 2 === 1 || group === 0 ? -1 : 0), 0.9, 1);
    open = await Session.open({ embeddings, lfs: [...lfs, { name: 'yes', votes: yes }, { name: 'no', votes: no }] });
    const { conflicts } = open.suggest();
    expect(conflicts[0]!.lfs).toEqual(['yes', 'no']);
    const both = Array.from({ length: rows }, (_, row) => row).filter((row) => yes[row] && no[row]);
    expect(conflicts[0]).toMatchObject({ overlap: both.length, disagreements: both.length });
    expect(Array.from(conflicts[0]!.rows)).toEqual(both.slice(0, 5));
    expect(conflicts[0]!.expected).toBeLessThan(both.length / 2);
  });

  it('names no conflict between rules that err on their own', async () => {
    const embeddings = groups(8);
    const lfs = [1, 2, 3, 4].map((seed) => ({
      name: `lf${seed}`,
      votes: rule(embeddings.shape[0], seed, truth, 0.8, 0.8),
    }));
    open = await Session.open({ embeddings, lfs });
    expect(open.suggest()).toEqual({ conflicts: [], weak: [], uncovered: [] });
  });

  it('names a labelling function that is worse than a guess on gold rows', async () => {
    const embeddings = groups(6);
    const rows = embeddings.shape[0];
    const lfs = [1, 2, 3].map((seed) => ({ name: `lf${seed}`, votes: rule(rows, seed, truth) }));
    lfs.push({ name: 'upside down', votes: rule(rows, 4, truth, 0.7, 0.1) });
    const gold = Array.from({ length: 60 }, (_, at) => at * 4);
    open = await Session.open({
      embeddings,
      lfs,
      gold: { rows: gold, labels: gold.map((row) => truth(groupOf(row))) },
    });
    const { weak } = open.suggest();
    expect(weak.map(({ lf, source }) => [lf, source])).toEqual([['upside down', 'gold']]);
    const { correct, incorrect } = open.lf('upside down')!.gold!;
    expect(weak[0]).toMatchObject({ votes: correct + incorrect, accuracy: correct / (correct + incorrect) });
    expect(weak[0]!.chance).toBeGreaterThan(0.4);
  });

  it('asks for labels where nothing is known, a place at a time', async () => {
    const embeddings = groups(6);
    const rows = embeddings.shape[0];
    const known = (group: number) => group !== 1 && group !== 3;
    const lfs = [1, 2, 3].map((seed) => ({
      name: `lf${seed}`,
      votes: rule(rows, seed, truth, 0.9).map((vote, row) => (known(groupOf(row)) ? vote : 0)),
    }));
    open = await Session.open({ embeddings, lfs, extension: 'votes', model: { classBalance: 'uniform' } });
    const next = open.nextToLabel(2);
    expect(Array.from(next, groupOf).sort()).toEqual([1, 3]);
    await open.setGold([next[0]!, next[1]!], [0, truth(groupOf(next[1]!))]);
    // A row whose label is unknown is still worth one; what a label settled is not asked for again.
    expect(open.nextToLabel(1)[0]).toBe(next[0]);
    expect(Array.from(open.nextToLabel(rows))).not.toContain(next[1]);
    expect(new Set(open.nextToLabel(rows)).size).toBe(open.nextToLabel(rows).length);
    expect(open.nextToLabel(0)).toEqual(new Int32Array(0));
    expect(() => open!.nextToLabel(-1)).toThrow(/count/);
  });

  it('has nothing to say without rows or labelling functions', async () => {
    open = await Session.open({ embeddings: { data: new Float32Array(0), shape: [0, 4] } });
    expect(open.suggest()).toEqual({ conflicts: [], weak: [], uncovered: [] });
    expect(open.nextToLabel(3)).toEqual(new Int32Array(0));
  });
});
