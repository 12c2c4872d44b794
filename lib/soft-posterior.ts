// Posteriors of extended votes: hard ones through the label model, shares of k voters through its soft rule.
import { checkThreads } from './check.js';
import { labelsOf, publicProba } from './columns.js';
import { votedRows } from './coverage.js';
import { runJob } from './job.js';
import type { LabelModel, PredictOptions } from './label-model.js';
import { addon, type Control } from './native.js';
import type { AsyncOptions, CallOptions, VoteMatrix } from './types.js';

/** @internal Extended votes; with shares (n x m x K) the extended ones among them are soft. */
export interface MaybeSoftVotes {
  readonly votes: VoteMatrix;
  readonly shares?: Float32Array;
}

function prepareSoft(model: LabelModel, { votes, shares }: MaybeSoftVotes, options: CallOptions) {
  const [rows, lfs] = votes.shape;
  const out = new Float64Array(rows * model.classBalance.length);
  const threads = checkThreads(options.threads);
  const run = (control: Control) =>
    addon.predictSoft(votes.data, rows, lfs, model.classes, model.flat, shares!, out, threads, control);
  return { out, run };
}

/** @internal P(Y | votes), shaped as `LabelModel.predictProba`. The soft votes of a row count together as one vote. */
export function softProba(model: LabelModel, given: MaybeSoftVotes, options: CallOptions = {}): Float64Array {
  if (given.shares === undefined) return model.predictProba(given.votes, options);
  const { out, run } = prepareSoft(model, given, options);
  run(undefined);
  return publicProba(out, model.classes);
}

/** @internal {@link softProba} as a job. */
export async function softProbaAsync(
  model: LabelModel,
  given: MaybeSoftVotes,
  options: CallOptions & AsyncOptions = {},
): Promise<Float64Array> {
  if (given.shares === undefined) return model.predictProbaAsync(given.votes, options);
  const { out, run } = prepareSoft(model, given, options);
  await runJob({ signal: options.signal }, run);
  return publicProba(out, model.classes);
}

/** @internal The likeliest labels, as `LabelModel.predictAsync`. */
export async function softLabelsAsync(
  model: LabelModel,
  given: MaybeSoftVotes,
  options: PredictOptions & AsyncOptions = {},
): Promise<Int8Array> {
  if (given.shares === undefined) return model.predictAsync(given.votes, options);
  const { out, run } = prepareSoft(model, given, options);
  await runJob({ signal: options.signal }, run);
  return labelsOf(out, votedRows(given.votes), model, options);
}
