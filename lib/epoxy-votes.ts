// Extension 'votes': the fit with thresholds, given or chosen.
import { coverage, votedCells, votedRows } from './coverage.js';
import type {
  EpoxyInput,
  EpoxyReport,
  EpoxyState,
  Fitted,
  PreparedRows,
  Stopwatch,
  ThresholdReport,
} from './epoxy-types.js';
import { NearestVoters } from './extend.js';
import { GoldJudge } from './gold.js';
import { LabelModel, type LabelModelOptions } from './label-model.js';
import { candidateThresholds, PseudoGold, sweep } from './thresholds.js';
import type { AsyncOptions, Metric, VoteMatrix } from './types.js';

/**
 * @internal The label model learns from the direct votes and labels the extended ones.
 * @param fixed thresholds as given, one each; undefined: they are chosen.
 */
export async function fitVotes(
  { support, ownsEmbeddings, transform }: PreparedRows,
  input: EpoxyInput,
  fixed: Float64Array | undefined,
  job: AsyncOptions,
  clock: Stopwatch,
): Promise<{ state: EpoxyState; fitted: Fitted }> {
  const { votes, embeddings } = support;
  const { metric } = embeddings;
  const { threads, device } = input;
  const { signal } = job;
  const rows = { ...support, metric, threads, device };
  const voters = await NearestVoters.create(rows, job);
  clock.lap('neighbors');

  const judge = await GoldJudge.open(input, support, metric, signal);
  clock.lap('thresholds');
  const modelOptions: LabelModelOptions = {
    threads: input.threads,
    ...(judge && { classBalance: { labels: judge.labels } }),
    ...input.model,
  };
  const model = await LabelModel.fitAsync(votes, { ...modelOptions, signal });
  clock.lap('fit');
  const extend = (thresholds: number | ArrayLike<number>) => voters.extendAsync(thresholds, { signal });
  const choice = await chooseThresholds(fixed, judge, voters, votes, metric, model, extend);
  const fallback = judge && (await judge.score(choice.thresholds, model, extend)).fallback;
  clock.lap('thresholds');
  const extended = await extend(choice.thresholds);
  judge?.close();
  voters.close();
  const proba = await model.predictProbaAsync(extended, { threads: input.threads, signal });
  const labels = await model.predictAsync(extended, { threads: input.threads, signal });
  clock.lap('predict');

  const report: EpoxyReport = {
    rows: votes.shape[0],
    lfs: votes.shape[1],
    metric,
    extension: 'votes',
    transform: { kind: transform?.kind ?? 'none', dims: embeddings.shape[1] },
    coverage: { direct: coverage(votes), extended: coverage(extended) },
    cells: { direct: votedCells(votes), extended: votedCells(extended) },
    thresholds: Array.from(choice.thresholds),
    thresholdChoice: choice.report,
    ...(fallback !== undefined && { fallback }),
    method: model.method,
    classBalance: model.classBalance,
    classBalanceSource: model.classBalanceSource,
    accuracies: model.accuracies,
    timings: clock.laps,
  };
  const state = { support, ownsEmbeddings, thresholds: choice.thresholds, model, fallback, transform };
  return { state, fitted: { votes: extended, proba, labels, evidence: votedRows(extended), report } };
}

type Extend = (thresholds: number | ArrayLike<number>) => Promise<VoteMatrix>;

async function chooseThresholds(
  fixed: Float64Array | undefined,
  judge: GoldJudge | undefined,
  voters: NearestVoters,
  votes: VoteMatrix,
  metric: Metric,
  model: LabelModel,
  extend: Extend,
): Promise<{ thresholds: Float64Array; report: ThresholdReport }> {
  if (fixed) return { thresholds: fixed, report: { source: 'given' } };
  const classes = votes.classes ?? 2;
  const candidates = candidateThresholds(judge?.voters ?? voters, classes, metric !== 'l2');
  const pseudo = judge ? undefined : new PseudoGold(votes, classes);
  const { best, first } = await sweep(candidates, async (threshold) =>
    pseudo ? { score: pseudo.score(await extend(threshold)) } : judge!.score(threshold, model, extend),
  );
  return {
    thresholds: new Float64Array(votes.shape[1]).fill(best.threshold),
    report: { source: judge ? 'gold' : 'pseudo-gold', score: best.score, scoreWithout: first.score },
  };
}
