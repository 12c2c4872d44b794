import { checkInteger, checkOneOf, rangeError, typeError } from './check.js';
import { type ClassBalanceSource, type ClassShareInterval, numbers, SOURCES } from './class-balance.js';
import type { State } from './label-model-fit.js';
import type { LfAccuracy } from './label-model-options.js';

const FORMAT = 'nearvote.label-model';
const VERSION = 1;
const COMBINE = ['bayes', 'shares', 'product'] as const;

/** Everything prediction needs, as plain numbers. `weights`: m x (abstain, classes...) x K. */
export interface LabelModelJSON {
  readonly format: typeof FORMAT;
  readonly version: number;
  readonly lfs: number;
  /** 0: binary votes -1/+1; else K. */
  readonly classes: number;
  readonly method: string;
  /** Why this method: 'asked for', or what 'auto' went by. */
  readonly reason: string;
  readonly classBalance: readonly number[];
  readonly classBalanceSource: ClassBalanceSource;
  /** By class, where the class balance was estimated. */
  readonly classBalanceInterval?: readonly ClassShareInterval[];
  readonly combine: (typeof COMBINE)[number];
  readonly start: readonly number[];
  readonly weights: readonly number[];
  readonly accuracies: readonly LfAccuracy[];
}

function checkAccuracy(value: LfAccuracy, lf: number): LfAccuracy {
  const at = `json.accuracies[${lf}]`;
  if (typeof value !== 'object' || value === null) throw typeError('an accuracy', at, value);
  for (const field of ['estimate', 'low', 'high', 'coverage'] as const)
    if (!Number.isFinite(value[field])) throw typeError('a finite number', `${at}.${field}`, value[field]);
  if (value.sign !== 1 && value.sign !== -1) throw typeError('1 or -1', `${at}.sign`, value.sign);
  for (const field of ['clamped', 'fromPrior'] as const)
    if (typeof value[field] !== 'boolean') throw typeError('true or false', `${at}.${field}`, value[field]);
  return value;
}

function checkIntervals(value: unknown, size: number): readonly ClassShareInterval[] | undefined {
  if (value === undefined) return undefined;
  const intervals = value as readonly ClassShareInterval[];
  if (!Array.isArray(value) || value.length !== size || !intervals.every((c) => c?.low <= c?.high))
    throw typeError(`${size} intervals { low, high }`, 'json.classBalanceInterval', value);
  return intervals;
}

/** @internal */
export function toJSON(state: State): LabelModelJSON {
  const { lfs, classes, method, reason, classBalanceSource, classBalanceInterval, flat, accuracies } = state;
  const size = classes || 2;
  return {
    format: FORMAT,
    version: VERSION,
    lfs,
    classes,
    method,
    reason,
    classBalance: Array.from(flat.subarray(1, 1 + size)),
    classBalanceSource,
    ...(classBalanceInterval && { classBalanceInterval }),
    combine: COMBINE[flat[0]!]!,
    start: Array.from(flat.subarray(1 + size, 1 + 2 * size)),
    weights: Array.from(flat.subarray(1 + 2 * size)),
    accuracies,
  };
}

/** @internal @throws TypeError or RangeError: not such a model, an unknown version, damaged or missing numbers. */
export function fromJSON(json: LabelModelJSON): State {
  if (json?.format !== FORMAT) throw typeError(`an object of format '${FORMAT}'`, 'json', json);
  if (json.version !== VERSION) throw rangeError(`version ${VERSION}`, 'json.version', String(json.version));
  const lfs = checkInteger(json.lfs, 'json.lfs', 0);
  const classes = json.classes === 0 ? 0 : checkInteger(json.classes, 'json.classes', 2, 127);
  const size = classes || 2;
  const list = (name: 'classBalance' | 'start' | 'weights', length: number) => {
    const values = numbers(json[name], `json.${name}`);
    if (values.length !== length) throw rangeError(`${length} numbers`, `json.${name}`, String(values.length));
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw rangeError('a finite number', `json.${name}[${bad}]`, String(values[bad]));
    return values;
  };
  const negative = list('classBalance', size).findIndex((p) => p < 0);
  if (negative >= 0)
    throw rangeError('a number >= 0', `json.classBalance[${negative}]`, String(json.classBalance[negative]));
  const flat = Float64Array.of(
    COMBINE.indexOf(checkOneOf(json.combine, COMBINE, 'json.combine')),
    ...list('classBalance', size),
    ...list('start', size),
  );
  const weights = list('weights', lfs * (size + 1) * size);
  const all = new Float64Array(flat.length + weights.length);
  all.set(flat);
  all.set(weights, flat.length);
  if (!Array.isArray(json.accuracies) || json.accuracies.length !== lfs)
    throw typeError(`an array of ${lfs} accuracies`, 'json.accuracies', json.accuracies);
  return {
    lfs,
    classes,
    method: String(json.method),
    reason: String(json.reason),
    classBalanceSource: checkOneOf(json.classBalanceSource, SOURCES, 'json.classBalanceSource'),
    classBalanceInterval: checkIntervals(json.classBalanceInterval, size),
    flat: all,
    accuracies: json.accuracies.map(checkAccuracy),
  };
}
