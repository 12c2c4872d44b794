// Posteriors in class order, one column a class, and the labels they give.
import { checkPolicies } from './check.js';
import type { LabelModel, PredictOptions } from './label-model.js';

/** n x K in class order from what a label model gives: P(Y = +1), or K columns. */
export function classColumns(proba: Float64Array, classes: number): Float64Array {
  if (classes > 0) return proba;
  const columns = new Float64Array(2 * proba.length);
  for (let row = 0; row < proba.length; row++) {
    columns[2 * row] = 1 - proba[row]!;
    columns[2 * row + 1] = proba[row]!;
  }
  return columns;
}

/** The inverse of {@link classColumns}. */
export function publicProba(columns: Float64Array, classes: number): Float64Array {
  if (classes > 0) return columns;
  const proba = new Float64Array(columns.length / 2);
  for (let row = 0; row < proba.length; row++) proba[row] = columns[2 * row + 1]!;
  return proba;
}

/** The likeliest class of each row as a label; rows without evidence and ties as the policies say. */
export function labelsOf(
  columns: Float64Array,
  evidence: Uint8Array,
  model: LabelModel,
  options: PredictOptions,
): Int8Array {
  const { ties, uncovered } = checkPolicies(options);
  const balance = Float64Array.from(model.classBalance);
  const classes = balance.length;
  const labels = new Int8Array(evidence.length);
  evidence.forEach((has, row) => {
    const from = row * classes;
    let found = has === 1 ? winner(columns, from, classes) : -1;
    if (found < 0 && (has === 1 ? ties : uncovered) === 'prior') {
      const values = columns.subarray(from, from + classes);
      const most = Math.max(...values);
      const tied = balance.map((p, c) => (most - values[c]! <= TIE ? p : 0));
      found = winner(has === 0 ? balance : tied, 0, classes);
    }
    if (found >= 0) labels[row] = model.classes === 0 ? found * 2 - 1 : found + 1;
  });
  return labels;
}

/** Values this near to the largest one tie with it. */
const TIE = 1e-9;

/** The class with the largest of values[from .. from + classes]; -1: another comes within 1e-9. As native decided_class. */
function winner(values: Float64Array, from: number, classes: number): number {
  let best = 0;
  for (let c = 1; c < classes; c++) if (values[from + c]! > values[from + best]!) best = c;
  for (let c = 0; c < classes; c++) if (c !== best && values[from + best]! - values[from + c]! <= TIE) return -1;
  return best;
}
