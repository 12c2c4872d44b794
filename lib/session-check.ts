// The arguments of a session, checked once.
import {
  checkInteger,
  checkMetric,
  checkOneOf,
  checkOptions,
  checkSpelling,
  checkThreads,
  checkTypedArray,
  rangeError,
  typeError,
} from './check.js';
import { checkGoldRows } from './gold.js';
import type { SessionSettings } from './session-edit.js';
import type { SessionGold, SessionGoldRows, SessionInput, SessionLf } from './session-types.js';

export function checkThreshold(value: unknown, parameter: string): number {
  if (typeof value !== 'number' || Number.isNaN(value)) throw typeError('a number', parameter, value);
  return value;
}

const NAMES = [
  'embeddings',
  'metric',
  'classes',
  'lfs',
  'extension',
  'threshold',
  'k',
  'gold',
  'model',
  'neighbors',
  'threads',
];

type Extension = SessionSettings['extension'];

/** Under extension 'posterior' nothing has a threshold. */
export function refuseUnderPosterior(extension: Extension, threshold: unknown): void {
  if (extension === 'posterior')
    throw rangeError("no threshold under extension 'posterior'", 'threshold', String(threshold));
}

export function checkSettings(input: Omit<SessionInput, 'embeddings'>): SessionSettings {
  checkSpelling(checkOptions(input, 'input'), NAMES, 'input');
  if (input.lfs !== undefined && !Array.isArray(input.lfs))
    throw typeError('an array of { name, votes }', 'lfs', input.lfs);
  const metric = checkMetric(input.metric ?? 'cosine');
  const classes = input.classes === undefined ? 0 : checkInteger(input.classes, 'classes', 2, 127);
  const modes = ['votes', 'posterior'] as const;
  const extension = input.extension === undefined ? undefined : checkOneOf(input.extension, modes, 'extension');
  const k = input.k === undefined ? undefined : checkInteger(input.k, 'k', 1, 4096);
  if (k !== undefined && extension === 'votes') throw rangeError("no k under extension 'votes'", 'k', String(k));
  const given = input.threshold;
  if (given !== undefined) refuseUnderPosterior(extension, given);
  return {
    metric,
    classes,
    threads: checkThreads(input.threads),
    threshold: checkThreshold(given ?? (metric === 'l2' ? 0 : Infinity), 'threshold'),
    extension: extension ?? (given === undefined ? undefined : 'votes'),
    k,
  };
}

export function checkName(value: unknown, parameter: string): void {
  if (typeof value !== 'string' || value === '') throw typeError('a name', parameter, value);
}

export function checkLf(lf: SessionLf, parameter: string, extension: Extension): SessionLf {
  if (typeof lf !== 'object' || lf === null) throw typeError('{ name, votes }', parameter, lf);
  checkName(lf.name, `${parameter}.name`);
  checkTypedArray(lf.votes, Int8Array, `${parameter}.votes`);
  if (lf.threshold !== undefined) {
    checkThreshold(lf.threshold, `${parameter}.threshold`);
    refuseUnderPosterior(extension, lf.threshold);
  }
  return lf;
}

/** @param rows of the session; gold rows are among them. */
export function checkGold(gold: SessionGold, rows: number, classes: number): SessionGoldRows {
  if (typeof gold !== 'object' || gold === null || typeof gold.rows?.length !== 'number')
    throw typeError('{ rows, labels }', 'gold', gold);
  return checkGoldRows(gold, { data: new Int8Array(0), rows, cols: 0, classes });
}
