// Extension 'posterior' of a session: the smoothing of Epoxy.fit, on the neighbour lists that the session holds.
import { runJob } from './job.js';
import { defaultNeighbors } from './knn-posterior.js';
import type { LabelModel } from './label-model.js';
import { addon } from './native.js';
import { choose, type SmoothingReport } from './posterior-choice.js';
import { PosteriorGraph, ROUNDS } from './posterior-graph.js';
import type { EditHandle, SessionHandle } from './session-native.js';
import type { SessionGoldRows } from './session-types.js';
import type { AsyncOptions } from './types.js';

/** An edit between its halves. */
interface Pending {
  readonly session: SessionHandle;
  readonly edit: EditHandle;
  readonly model: LabelModel;
  readonly gold: SessionGoldRows | undefined;
  readonly rows: number;
}

/**
 * Leaves the posteriors in the edit: the bits of `Epoxy.fit` with extension 'posterior', without an end model, and these
 * rows, votes and gold rows.
 */
export async function smoothEdit(
  { session, edit, model, gold, rows }: Pending,
  wanted: number | undefined,
  threads: number,
  { signal }: AsyncOptions,
): Promise<SmoothingReport> {
  const k = Math.min(wanted ?? defaultNeighbors(rows), Math.max(1, rows - 1));
  const goldRows = gold?.rows ?? new Int32Array(0);
  const labels = Int32Array.from(gold?.labels ?? [], (label) =>
    label === 0 ? -1 : model.classes === 0 ? (label === 1 ? 1 : 0) : label - 1,
  );
  const handle = addon.newPosteriorGraph();
  await runJob({ signal }, (control) =>
    addon.sessionGraph(session, edit, handle, model.flat, goldRows, labels, k, threads, control),
  );
  const byRow = new Map<number, number>();
  labels.forEach((label, at) => {
    byRow.set(goldRows[at]!, label);
  });
  const known = Array.from(byRow)
    .filter(([, label]) => label >= 0)
    .sort(([a], [b]) => a - b);
  const graph = new PosteriorGraph(handle, { rows, k }, known, model.classBalance.length, {
    threads: threads || undefined,
    signal,
  });
  const { settings, report } = await choose(graph, undefined);
  const rounds = report.neighbors === 0 ? 0 : ROUNDS;
  await runJob({ signal }, (control) =>
    addon.sessionSmooth(edit, handle, settings.ownWeight, settings.goldWeight, rounds, threads, control),
  );
  return report;
}
