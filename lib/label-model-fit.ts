import { checkInteger, checkOneOf, checkThreads, rangeError, typeError } from './check.js';
import { type ClassBalanceSource, type ClassShareInterval, checkBalance } from './class-balance.js';
import { type LabelMethod, type LabelModelOptions, type LfAccuracy, METHODS } from './label-model-options.js';
import { addon, type Control } from './native.js';
import type { VoteCounts } from './votes.js';

const DEFAULT_METHOD: LabelMethod = 'auto';
const CHOICES = ['asked', 'covariance', 'few-lfs', 'dependent'] as const;
const ACCURACY_FIELDS = 7;

/** @internal The state of a model: sizes, and the numbers in the native layout (see native/node/label_model.cpp). */
export interface State {
  readonly lfs: number;
  readonly classes: number;
  readonly method: string;
  readonly reason: string;
  readonly classBalanceSource: ClassBalanceSource;
  /** By class, of an estimated class balance. */
  readonly classBalanceInterval: readonly ClassShareInterval[] | undefined;
  readonly flat: Float64Array;
  readonly accuracies: readonly LfAccuracy[];
}

/** @internal Triplets of LF indices, one after the other. */
export function checkTriplets(value: LabelModelOptions['triplets'], lfs: number): Int32Array {
  if (!Array.isArray(value)) throw typeError('an array of [i, j, k]', 'triplets', value);
  return Int32Array.from(
    value.flatMap((triplet: readonly number[], t) => {
      if (!Array.isArray(triplet) || new Set(triplet).size !== 3)
        throw typeError('three different LF indices', `triplets[${t}]`, triplet);
      return triplet.map((lf, s) => checkInteger(lf, `triplets[${t}][${s}]`, 0, lfs - 1));
    }),
  );
}

/** @internal What to run, and the model's state once it has run. */
export function prepareFit(counts: VoteCounts, options: LabelModelOptions) {
  const { lfs, classes, flat } = counts;
  const size = classes || 2;
  const [balance, classBalanceSource] = checkBalance(options.classBalance, classes);
  const threads = checkThreads(options.threads);
  const allPositive =
    checkOneOf(options.signs ?? 'recover', ['recover', 'all-positive'] as const, 'signs') !== 'recover';
  const model = new Float64Array(1 + 2 * size + lfs * (size + 1) * size);
  const accuracies = new Float64Array(lfs * ACCURACY_FIELDS);
  let method = checkOneOf(options.method ?? DEFAULT_METHOD, METHODS, 'method') as string;
  const report = new Float64Array(3 + 2 * size);
  let run = (control: Control) =>
    addon.fitLabelModel(
      flat,
      lfs,
      classes,
      METHODS.indexOf(method as LabelMethod),
      balance,
      allPositive,
      model,
      accuracies,
      report,
      threads,
      control,
    );
  let reason = 'asked for';
  if (options.compat !== undefined) {
    const compat = typeof options.compat === 'object' ? options.compat : { name: options.compat };
    checkOneOf(compat.name, ['flyingsquid'] as const, 'compat');
    if (options.method === undefined) method = 'triplet-mean';
    checkOneOf(method, ['triplet-mean', 'triplet-median'], "method under compat 'flyingsquid'");
    if (classBalanceSource === 'estimate')
      throw typeError("numbers, { labels } or 'uniform'", "classBalance under compat 'flyingsquid'", 'estimate');
    if (classes !== 0) throw rangeError('binary votes', "votes under compat 'flyingsquid'", `${classes} classes`);
    const exact = checkOneOf(compat.posterior ?? 'reference', ['reference', 'exact'] as const, 'compat.posterior');
    const triplets = options.triplets === undefined ? new Int32Array(0) : checkTriplets(options.triplets, lfs);
    const median = method === 'triplet-median';
    const [flip, clamp] = [compat.flipNegative ?? true, compat.clamp ?? true];
    method = `flyingsquid ${triplets.length > 0 ? 'triplet' : method}`;
    run = (control) =>
      addon.fitFlyingSquid(
        flat,
        lfs,
        median,
        balance,
        triplets,
        flip,
        clamp,
        exact === 'reference',
        model,
        accuracies,
        control,
      );
  } else if (options.triplets !== undefined) {
    throw typeError("undefined (only compat 'flyingsquid' takes them)", 'triplets', options.triplets);
  }
  const finish = (): State => {
    if (options.compat === undefined) {
      method = METHODS[report[0]!]!;
      reason = reasonOf(CHOICES[report[1]!]!, report[2]!);
    }
    const classBalanceInterval =
      classBalanceSource === 'estimate'
        ? Array.from({ length: size }, (_, y) => ({ low: report[3 + 2 * y]!, high: report[4 + 2 * y]! }))
        : undefined;
    const read = readAccuracies(accuracies);
    return { lfs, classes, method, reason, classBalanceSource, classBalanceInterval, flat: model, accuracies: read };
  };
  return { run, finish };
}

function reasonOf(choice: (typeof CHOICES)[number], dependence: number): string {
  const times = `evidence given Y varies ${dependence.toFixed(1)} times as much as independent votes would`;
  switch (choice) {
    case 'asked':
      return 'asked for';
    case 'covariance':
      return `three labelling functions or more, and ${times}`;
    case 'few-lfs':
      return 'of one or two voting labelling functions, agreement cannot tell which is right';
    case 'dependent':
      return `${times}: too dependent to be weighed one by one`;
  }
}

function readAccuracies(flat: Float64Array): LfAccuracy[] {
  return Array.from({ length: flat.length / ACCURACY_FIELDS }, (_, lf) => {
    const [estimate, low, high, sign, coverage, clamped, fromPrior] = flat.subarray(lf * ACCURACY_FIELDS);
    return {
      estimate: estimate!,
      low: low!,
      high: high!,
      sign: sign === -1 ? -1 : 1,
      coverage: coverage!,
      clamped: clamped === 1,
      fromPrior: fromPrior === 1,
    };
  });
}
