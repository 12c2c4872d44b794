import { describe, expect, it } from 'vitest';
import { countVotes, GraphModel, type GraphOptions, LabelModel } from '../lib/index.js';
import { goldenArray, goldenJson, goldenMatrix, needGolden } from './helpers/golden.js';
import { generator, votes as votesOf } from './helpers/matrices.js';
import { wrong } from './helpers/wrong-arguments.js';

interface Fit {
  tag: string;
  model: {
    v: number;
    y_edges: [number, number][];
    lambda_y_edges: [number, number][];
    lambda_edges: [number, number][];
    triplets: { l: number[]; y: number; z: number[] }[][] | null;
  };
  fit: { solve_method: string; flip_negative: boolean; clamp: boolean };
  result: { error: unknown; class_balance_used: number[]; ill_rows_exact: number[] };
  arrays: Record<string, [string, number]>;
}

/**
 * Fits whose tables the reference gets right. Left out, by fault: means and medians over partners on other tasks (L2), joint
 * tables of dependent LFs that abstain (L3, L4), triplets of products (they are resolved by all pairs here), negative
 * entries clamped or left as they are (compat offers the reference's default, flipping, alone).
 */
function isRight(fit: Fit, abstains: boolean): boolean {
  if (fit.result.error !== null || !fit.arrays.exact || !fit.fit.flip_negative) return false;
  const { v, lambda_edges, triplets } = fit.model;
  if (lambda_edges.length > 0) return !abstains && fit.fit.solve_method !== 'triplet';
  // A triplet speaks of the task that most of its LFs belong to.
  const taskOf = new Map(fit.model.lambda_y_edges);
  const plain = (triplet: { l: number[]; y: number; z: number[] }[]) =>
    triplet.every((e) => e.l.length === 1 && e.z.length === 0 && e.y === triplet[0]!.y) &&
    triplet.filter((e) => taskOf.get(e.l[0]!) === e.y).length >= 2;
  return v > 1 && fit.fit.solve_method === 'triplet' && triplets!.every(plain);
}

function optionsOf({ model, fit, result }: Fit, lfs: number): GraphOptions {
  const lfTasks = new Array<number>(lfs).fill(0);
  for (const [lf, task] of model.lambda_y_edges) lfTasks[lf] = task;
  const triplets =
    fit.solve_method === 'triplet' ? { triplets: model.triplets!.map((t) => t.map((e) => e.l[0]!)) } : {};
  return {
    tasks: model.v,
    taskEdges: model.y_edges,
    lfEdges: model.lambda_edges,
    lfTasks,
    classBalance: result.class_balance_used,
    compat: 'flyingsquid',
    method: fit.solve_method === 'triplet_mean' ? 'triplet-mean' : 'triplet-median',
    ...triplets,
  } as GraphOptions;
}

describe('graph models under compat equal the reference with the right junction-tree exponents', () => {
  it('dependent LFs without abstains, chains by valid triplets, the video tutorial', async (ctx) => {
    needGolden(ctx);
    const sets = goldenJson<{ name: string }[]>('label_model', 'index.json');
    const names = sets.map(({ name }) => name).filter((name) => /^(dep|chain|real_video_v[35])/.test(name));
    let compared = 0;
    for (const name of names) {
      const file = `${name}.json`;
      const golden = goldenJson<{ m: number; L: string; L_pred: string | null; pred_rows: number; fits: Fit[] }>(
        'label_model',
        file,
      );
      const votes = await goldenMatrix('label_model', golden.L, Int8Array);
      const predicted = golden.L_pred ? await goldenMatrix('label_model', golden.L_pred, Int8Array) : votes;
      const abstains = votes.data.includes(0);
      for (const fit of golden.fits.filter((f) => isRight(f, abstains))) {
        const model = GraphModel.fit(votes, optionsOf(fit, golden.m));
        const [array, at] = fit.arrays.exact!;
        const exact = await goldenArray('label_model', array, Float64Array);
        const [, rows, states] = exact.shape as [number, number, number];
        const ours = model.predictProba({ data: predicted.data.slice(0, rows * golden.m), shape: [rows, golden.m] });
        for (let row = 0; row < rows; row++) {
          if (fit.result.ill_rows_exact.includes(row)) continue;
          for (let task = 0; task < fit.model.v; task++) {
            let positive = 0;
            for (let s = 0; s < states; s++) {
              if ((s >> (fit.model.v - 1 - task)) & 1) positive += exact.data[(at * rows + row) * states + s]!;
            }
            expect(Math.abs(ours[row * fit.model.v + task]! - positive), `${file} ${fit.tag} row ${row}`).toBeLessThan(
              1e-9,
            );
          }
        }
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(30);
  });
});

/** Frames of a video: a label that flips seldom, three LFs that see it through noise. */
function frames(n: number, seed: number) {
  const next = generator(seed);
  const labels: number[] = [];
  const cells: number[] = [];
  let y = 1;
  for (let i = 0; i < n; i++) {
    if (next() < 0.05) y = -y;
    labels.push(y);
    for (let k = 0; k < 3; k++) cells.push(next() < 0.4 ? (next() < 0.75 ? y : -y) : 0);
  }
  return { votes: votesOf(n, 3, cells), labels };
}

describe('GraphModel', () => {
  it('LabelModel.fit makes one when the options ask for structure', () => {
    const { votes } = frames(300, 1);
    expect(LabelModel.fit(votes, { lfEdges: [] })).toBeInstanceOf(GraphModel);
    expect(LabelModel.fit(votes)).toBeInstanceOf(LabelModel);
    expect(() => LabelModel.fit(countVotes(votes) as never, { tasks: 1 })).toThrow(/votes \(not counts\)/);
  });

  it('sequences: neighbours help, JSON keeps everything, the job gives the same bits', async () => {
    const { votes, labels } = frames(5000, 2);
    const model = GraphModel.fit(votes, { sequences: [3000, 2000] });
    const alone = GraphModel.fit(votes);
    const right = (proba: Float64Array) => proba.filter((p, i) => p > 0.5 === (labels[i] === 1)).length / labels.length;
    const proba = model.predictProba(votes, { sequences: [3000, 2000] });
    expect(right(proba)).toBeGreaterThan(right(alone.predictProba(votes)) + 0.1);
    expect(model.correlations[0]!.correlation).toBeGreaterThan(0.7);
    expect(model.accuracies[0]!.estimate).toBeCloseTo(0.75, 1);
    for (const { low, high, estimate } of model.accuracies) {
      expect(low).toBeLessThanOrEqual(estimate);
      expect(high).toBeGreaterThanOrEqual(estimate);
      expect(low).toBeLessThan(0.75);
      expect(high).toBeGreaterThan(0.75);
      expect(high - low).toBeLessThan(0.4);
    }
    const again = GraphModel.fromJSON(JSON.parse(JSON.stringify(model)));
    expect(again.accuracies).toEqual(model.accuracies);
    expect(await again.predictProbaAsync(votes, { sequences: [3000, 2000] })).toEqual(proba);
    expect((await LabelModel.fitAsync(votes, { sequences: [3000, 2000], copy: true })).toJSON()).toEqual(
      model.toJSON(),
    );
    expect(model.predict(votes, { sequences: [3000, 2000] })).toEqual(Int8Array.from(proba, (p) => (p > 0.5 ? 1 : -1)));
  });

  it('explains what does not fit', () => {
    const { votes } = frames(50, 3);
    const refuse = (options: GraphOptions, message: RegExp) =>
      expect(() => GraphModel.fit(votes, options)).toThrow(message);
    refuse({ tasks: 2 ** 31 - 1 }, /Expected an integer in \[1, 1000000\] for tasks but received 2147483647/);
    refuse({ tasks: 1, triplets: wrong([5]) }, /Expected three different LF indices for triplets\[0\] but received 5/);
    refuse({ tasks: 2, lfTasks: [0, 1, 1], lfEdges: [[0, 1]] }, /the same task for lfEdges but received \[0, 1\]/);
    refuse(
      {
        tasks: 3,
        taskEdges: [
          [0, 1],
          [1, 2],
          [2, 0],
        ],
      },
      /a forest .* for taskEdges but received a cycle/,
    );
    refuse(
      {
        lfEdges: [
          [0, 1],
          [1, 2],
        ],
      },
      /at least two groups that do not depend on each other for lfEdges/,
    );
    refuse({ lfEdges: [[0, 7]] }, /edges between two of 3 for lfEdges but received \[0, 7\]/);
    refuse({ lfTasks: [0, 1, 0] }, /an integer in \[0, 0\] for lfTasks\[1\] but received 1/);
    refuse({ sequences: [20, 20] }, /lengths that add up to 50 rows for sequences but received 40/);
    refuse(
      { tasks: 2, lfTasks: [0, 0, 0], classBalance: [1, 2, 3] },
      /2 or 2\^2 numbers for classBalance but received 3/,
    );
    refuse({ lfEdges: [[0, 1]], compat: 'flyingsquid' }, /votes without abstains for lfEdges under compat/);
    expect(() => GraphModel.fit({ ...votes, data: votes.data.map(Math.abs), classes: 3 })).toThrow(/binary votes/);
    const json = GraphModel.fit(votes).toJSON();
    expect(() => GraphModel.fromJSON({ ...json, version: 9 })).toThrow(
      /Expected version 1 for json.version but received 9/,
    );
    const broken = [...json.numbers];
    broken[7] = 55; // the task of the first group
    expect(() => GraphModel.fromJSON({ ...json, numbers: broken })).toThrow(/valid index/);
  });
});
