// Extension 'votes': the fit with thresholds, given or chosen.
import { classColumns, labelsOf } from './columns.js';
import { coverage, votedCells, votedRows } from './coverage.js';
import type { CheckedInput, EpoxyReport, EpoxyState, Fitted, PreparedRows, Stopwatch } from './epoxy-types.js';
import { type ExtensionInput, NearestVoters } from './extend.js';
import type { CheckedGold } from './gold.js';
import { LabelModel, type LabelModelOptions } from './label-model.js';
import { choosePartitions, judgingRows } from './partition-choice.js';
import { type MaybeSoftVotes, softProbaAsync } from './soft-posterior.js';
import { type ChosenThresholds, fallbackByGold, thresholdsByGold, thresholdsByVotes } from './thresholds.js';
import { describeTransform } from './transform-choice.js';
import type { AsyncOptions, SearchOptions } from './types.js';
import { VoterReach } from './voter-reach.js';

/**
 * @internal The label model learns from the direct votes and labels the extended ones.
 * @param fixed thresholds as given, one each; undefined: they are chosen.
 * @param k voters of each labelling function that decide.
 */
export async function fitVotes(
  { support, ownsEmbeddings, transform }: PreparedRows,
  input: CheckedInput,
  fixed: Float64Array | undefined,
  k: number,
  job: AsyncOptions,
  clock: Stopwatch,
): Promise<{ state: EpoxyState; fitted: Fitted }> {
  const { votes, embeddings } = support;
  const { metric } = embeddings;
  const { threads, device } = input;
  const { signal } = job;
  const quiet = { signal, threads };
  const rows = { ...support, metric, threads, device };
  const voters = k === 1 ? await NearestVoters.create(rows, job) : undefined;
  const reach = voters ? await VoterReach.of(voters, votes, metric, { signal }) : await VoterReach.create(rows, k, job);
  clock.lap('neighbors');

  const gold = input.gold && (await goldReach(input.gold, rows, reach, k, signal));
  clock.lap('thresholds');
  const modelOptions: LabelModelOptions = {
    threads,
    ...(gold && { classBalance: { labels: gold.labels } }),
    ...input.model,
  };
  const model = await LabelModel.fitAsync(votes, { ...modelOptions, signal });
  const judges = input.gold && judgingRows(input.gold, support);
  const { local, report: partitions } = await choosePartitions(
    { ...support, model, fitting: modelOptions },
    input.partitions ?? 1,
    judges,
    quiet,
  );
  clock.lap('fit');
  const choice: ChosenThresholds = fixed
    ? { thresholds: fixed, report: { source: 'given' } }
    : gold
      ? await thresholdsByGold(gold.reach, gold.labels, model, quiet)
      : thresholdsByVotes(reach);
  const { thresholds } = choice;
  const fallback =
    choice.fallback ?? (gold && (await fallbackByGold(gold.reach, gold.labels, thresholds, model, quiet)));
  clock.lap('thresholds');
  // One voter a cell: by the canonical scores themselves, as `extendVotes` does it.
  const soft: MaybeSoftVotes = voters
    ? { votes: await voters.extendAsync(thresholds, { signal }) }
    : reach.within(thresholds);
  voters?.close();
  const extended = soft.votes;
  const proba = local ? await local.probaAsync(soft, embeddings, quiet) : await softProbaAsync(model, soft, quiet);
  const labels = labelsOf(classColumns(proba, model.classes), votedRows(extended), model, {});
  clock.lap('predict');

  const report: EpoxyReport = {
    rows: votes.shape[0],
    lfs: votes.shape[1],
    metric,
    extension: 'votes',
    transform: describeTransform(transform, embeddings),
    coverage: { direct: coverage(votes), extended: coverage(extended) },
    cells: { direct: votedCells(votes), extended: votedCells(extended) },
    thresholds: Array.from(thresholds),
    thresholdChoice: choice.report,
    ...(fallback !== undefined && { fallback }),
    ...(input.partitions !== undefined && { partitions }),
    method: model.method,
    classBalance: model.classBalance,
    classBalanceSource: model.classBalanceSource,
    accuracies: model.accuracies,
    timings: clock.laps,
  };
  const state = { support, ownsEmbeddings, thresholds, model, fallback, transform: transform.fitted, local, voters: k };
  return { state, fitted: { votes: extended, proba, labels, evidence: votedRows(extended), report } };
}

/** What the gold rows' voters say, and their labels. */
async function goldReach(
  gold: CheckedGold,
  support: ExtensionInput & SearchOptions,
  reach: VoterReach,
  k: number,
  signal: AbortSignal | undefined,
): Promise<{ reach: VoterReach; labels: Int8Array }> {
  if ('rows' in gold) return { reach: reach.pick(gold.rows), labels: gold.labels };
  const { votes, embeddings, labels } = gold;
  return { reach: await VoterReach.create({ ...support, votes, embeddings, support }, k, { signal }), labels };
}
