// The arguments of a session, checked once.
import { checkInteger, checkTypedArray, typeError } from './check.js';
import type { SessionGold, SessionGoldRows, SessionLf } from './session-types.js';
import { checkLabels } from './votes.js';

export function checkThreshold(value: unknown, parameter: string): number {
  if (typeof value !== 'number' || Number.isNaN(value)) throw typeError('a number', parameter, value);
  return value;
}

export function checkLf(lf: SessionLf, parameter: string): SessionLf {
  if (typeof lf !== 'object' || lf === null) throw typeError('{ name, votes }', parameter, lf);
  if (typeof lf.name !== 'string' || lf.name === '') throw typeError('a name', `${parameter}.name`, lf.name);
  checkTypedArray(lf.votes, Int8Array, `${parameter}.votes`);
  if (lf.threshold !== undefined) checkThreshold(lf.threshold, `${parameter}.threshold`);
  return lf;
}

/** @param rows of the session; gold rows are among them. */
export function checkGold(gold: SessionGold, rows: number, classes: number): SessionGoldRows {
  if (typeof gold !== 'object' || gold === null || typeof gold.rows?.length !== 'number')
    throw typeError('{ rows, labels }', 'gold', gold);
  const places = Int32Array.from(gold.rows, (row, at) => checkInteger(row, `gold.rows[${at}]`, 0, rows - 1));
  const shape = { data: new Int8Array(0), rows: places.length, cols: 0, classes };
  return { rows: places, labels: checkLabels(gold.labels, shape, 'gold.labels') };
}
