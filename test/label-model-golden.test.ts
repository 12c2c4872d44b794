// Parity with FlyingSquid as recorded in ../shared/golden/label_model (its README.md states the conventions and the
// meaningful tolerances). Departures of nearvote's own methods from the reference are in label-model.test.ts, by the
// number that design/reference-semantics.md gives each fault.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type FlyingSquidCompat, LabelModel, type LabelModelOptions, type VoteMatrix } from '../lib/index.js';
import { goldenArray, goldenJson, goldenMatrix, needGolden } from './helpers/golden.js';

interface Expectation {
  l: number[];
}
interface RecordedFit {
  tag: string;
  model: { m: number; v: number; lambda_edges: number[][]; triplets: Expectation[][] | null };
  fit: {
    solve_method: 'triplet_mean' | 'triplet_median' | 'triplet';
    class_balance: number[] | null;
    Y_dev: number[][] | null;
    flip_negative: boolean;
    clamp: boolean;
  };
  result: {
    error: { message: string } | null;
    expectations: { l: number[]; P: number | string }[];
    class_balance_used: number[];
    cliques: { l: number[]; values: (number | string)[][] }[];
    ill_rows_ref: number[];
    ill_rows_exact: number[];
  };
  arrays: { proba: [file: string, at: number]; exact: [file: string, at: number]; pred: [file: string, at: number] };
}
interface RecordedSet {
  m: number;
  L: string;
  L_pred: string | null;
  pred_rows: number;
  fits: RecordedFit[];
}

const folder = fileURLToPath(new URL('../../shared/golden/label_model', import.meta.url));
function recordedSets(): string[] {
  try {
    return readdirSync(folder)
      .filter((file) => /^(fi_|deg_|real_spam|real_basics|real_video_v1).*\.json$/.test(file))
      .map((file) => file.slice(0, -'.json'.length));
  } catch {
    return ['(none recorded)'];
  }
}

const head = (votes: VoteMatrix, rows: number): VoteMatrix => ({
  data: votes.data.subarray(0, rows * votes.shape[1]),
  shape: [rows, votes.shape[1]],
});

async function load(name: string) {
  const recorded = goldenJson<RecordedSet>('label_model', `${name}.json`);
  const votes: VoteMatrix = await goldenMatrix('label_model', recorded.L, Int8Array);
  const other = recorded.L_pred && ((await goldenMatrix('label_model', recorded.L_pred, Int8Array)) as VoteMatrix);
  return { recorded, votes, rows: other || head(votes, recorded.pred_rows) };
}

/** The recorded numbers of one fit: rows x 2 (Y = -1, +1), or rows of -1/+1. */
async function row<T extends Float64Array | Int8Array>(
  [file, at]: [string, number],
  Class: new (length: number) => T,
): Promise<T> {
  const { data, shape } = await goldenArray('label_model', file, Class);
  const size = shape.slice(1).reduce((product, n) => product * n, 1);
  return data.subarray(at * size, (at + 1) * size) as T;
}

function options(fit: RecordedFit, posterior: 'reference' | 'exact'): LabelModelOptions {
  const { solve_method, class_balance, Y_dev, flip_negative, clamp } = fit.fit;
  const positive = Y_dev?.filter(([y]) => y === 1).length ?? 0;
  const compat: FlyingSquidCompat = { name: 'flyingsquid', flipNegative: flip_negative, clamp, posterior };
  return {
    compat,
    method: solve_method === 'triplet_median' ? 'triplet-median' : 'triplet-mean',
    classBalance: class_balance ?? (Y_dev ? [Y_dev.length - positive, positive] : 'uniform'),
    triplets: fit.model.triplets?.map((t) => t.map(({ l }) => l[0]!) as [number, number, number]),
  };
}

/** Largest difference of P(Y = +1), over rows where the reference is well defined. */
function difference(proba: Float64Array, recorded: Float64Array, ill: readonly number[]): number {
  let worst = 0;
  for (let r = 0; r < recorded.length / 2; r++) {
    const delta = Math.abs(proba[r]! - recorded[2 * r + 1]!);
    if (!ill.includes(r) && !(delta <= worst)) worst = delta;
  }
  return worst;
}

/** P(vote, Y) of each LF under compat: the model's factors times the class balance. */
function cliques(model: LabelModel): number[][][] {
  const { weights, classBalance } = model.toJSON();
  return Array.from({ length: model.lfs }, (_, lf) =>
    [1, 0, 2].map((outcome) => [0, 1].map((y) => weights[(lf * 3 + outcome) * 2 + y]! * classBalance[y]!)),
  );
}

describe.each(recordedSets())('%s', (name) => {
  it('gives the numbers of the reference under compat, and of the exact posterior on its cliques', async (ctx) => {
    needGolden(ctx);
    const { recorded, votes, rows } = await load(name);
    for (const fit of recorded.fits.filter(({ model }) => model.v === 1 && model.lambda_edges.length === 0)) {
      const balance = fit.fit.class_balance;
      if (fit.result.error || balance?.some((p) => p < 0)) {
        // A class balance of the wrong length, of zeros or below zero is refused here (L14: the reference accepts -0.2).
        expect(() => LabelModel.fit(votes, options(fit, 'reference')), fit.tag).toThrow(/classBalance/);
        continue;
      }
      const tolerance = fit.fit.flip_negative || !fit.fit.clamp ? 1e-9 : 1e-6;
      const reference = LabelModel.fit(votes, options(fit, 'reference'));
      for (const { l, P } of fit.result.expectations) {
        if (typeof P === 'number') expect(reference.accuracies[l[0]!]!.estimate, fit.tag).toBeCloseTo(P, 10);
      }
      if (reference.classBalance.every((p) => p > 0)) {
        const tables = cliques(reference);
        for (const { l, values } of fit.result.cliques) {
          const table = tables[l[0]!]!;
          const mine = (values.length === 3 ? table : [table[0]!, table[2]!]).flat();
          const worst = Math.max(...values.flat().map((value, at) => Math.abs((value as number) - mine[at]!)));
          expect(worst, `${fit.tag}: clique of LF ${l[0]}`).toBeLessThan(tolerance === 1e-9 ? 1e-10 : 2.5e-8);
        }
      }
      const proba = reference.predictProba(rows);
      const wanted = await row(fit.arrays.proba, Float64Array);
      expect(proba.every(Number.isFinite), fit.tag).toBe(true);
      expect(difference(proba, wanted, fit.result.ill_rows_ref), fit.tag).toBeLessThan(tolerance);

      const exact = LabelModel.fit(votes, options(fit, 'exact')).predictProba(rows);
      const wantedExact = await row(fit.arrays.exact, Float64Array);
      expect(difference(exact, wantedExact, fit.result.ill_rows_exact), `${fit.tag}: exact`).toBeLessThan(tolerance);

      const labels = reference.predict(rows, { uncovered: 'prior' });
      const pred = await row(fit.arrays.pred, Int8Array);
      const decided = [...pred.keys()].filter(
        (r) => Math.abs(2 * wanted[2 * r + 1]! - 1) > 1e-8 && !fit.result.ill_rows_ref.includes(r),
      );
      const covered = decided.filter((r) => rows.data.subarray(r * recorded.m, (r + 1) * recorded.m).some(Boolean));
      expect(
        covered.filter((r) => labels[r] !== pred[r]),
        fit.tag,
      ).toEqual([]);
    }
  });
});

it('reproduces the published figures of the Spam tutorial: accuracy .8360, F1 .8161', async (ctx) => {
  needGolden(ctx);
  const { votes, rows } = await load('real_spam_train_predict_test');
  const { data: labels } = await goldenArray('label_model', 'real_spam_Ytest.npy', Int8Array);
  const model = LabelModel.fit(votes, { compat: 'flyingsquid', method: 'triplet-median', classBalance: [0.4, 0.6] });
  const predicted = Array.from(model.predictProba(rows), (p) => (p > 0.5 ? 1 : -1));
  const count = (hit: (guess: number, label: number) => boolean) =>
    predicted.filter((guess, r) => hit(guess, labels[r]!)).length;
  const truePositive = count((guess, label) => guess === 1 && label === 1);
  const wrong = count((guess, label) => guess !== label);
  expect(1 - wrong / labels.length).toBeCloseTo(0.836, 10);
  expect((2 * truePositive) / (2 * truePositive + wrong)).toBeCloseTo(0.8161, 4);
});
