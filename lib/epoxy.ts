import { createHash } from 'node:crypto';
import { checkInteger, checkMetric, checkOneOf, checkThresholds, checkVotes, rangeError, typeError } from './check.js';
import { EmbeddingSet } from './embedding-set.js';
import {
  goldEvidence,
  labelsOf,
  openGold,
  ownEvidenceAsync,
  type PosteriorExtension,
  type PosteriorExtensionJSON,
  posteriorFromJSON,
  posteriorToJSON,
  publicProba,
  smoothRows,
  smoothRowsAsync,
} from './epoxy-posterior.js';
import { type ExtendedVotes, extendVotes, extendVotesAsync, NearestVoters, type VotedRows } from './extend.js';
import { type Gold, GoldJudge } from './gold.js';
import { KnnPosterior, type SmoothingReport } from './knn-posterior.js';
import {
  LabelModel,
  type LabelModelJSON,
  type LabelModelOptions,
  type LfAccuracy,
  type PredictOptions,
} from './label-model.js';
import { candidateThresholds, PseudoGold, sweep } from './thresholds.js';
import { EmbeddingTransform, type TransformJSON, type TransformName, type TransformOptions } from './transform.js';
import type { AsyncOptions, CallOptions, Metric, SearchOptions, VoteMatrix } from './types.js';

/** What {@link Epoxy.fit} takes. */
export interface EpoxyInput extends VotedRows, SearchOptions {
  /** Default 'cosine'. */
  readonly metric?: Metric | undefined;
  /**
   * How rows learn from rows near them.
   * - 'posterior' (default, unless thresholds are given): no threshold. The label model's posterior of a row's own votes is
   *   combined with the posteriors of its k nearest rows, in rounds; gold rows are neighbours too.
   * - 'votes' (default where thresholds are given): Epoxy's rule. Where a labelling function abstains, the vote of its
   *   nearest voter counts if that is near enough.
   */
  readonly extension?: 'votes' | 'posterior' | undefined;
  /**
   * Of extension 'votes': one for all labelling functions or one each (as for `extendVotes`), or 'auto' (default): one
   * threshold, chosen on the gold rows; without gold on rows with direct votes, which are hidden while they judge.
   */
  readonly thresholds?: number | ArrayLike<number> | 'auto' | undefined;
  /**
   * What is done to the embeddings first; new rows get the same. Default 'none': sentence embeddings made for cosine lose by
   * the others (bench/quality). Takes matrices only, no EmbeddingSet.
   */
  readonly transform?: TransformOptions | undefined;
  /** Labels -1/+1 or 1..K; 0 = unknown, ignored. */
  readonly gold?: Gold | undefined;
  /** Nearest rows of extension 'posterior'; default about sqrt(n), at most 50. Extension 'votes' takes only 1. */
  readonly k?: number | undefined;
  /** How the label model is fitted; the class balance comes from the gold rows unless it is given here. */
  readonly model?: LabelModelOptions | undefined;
}

/** How the thresholds came about, and what the choice is worth on the rows that judged it. */
export interface ThresholdReport {
  /** 'none': extension 'posterior', which needs no threshold. */
  readonly source: 'given' | 'gold' | 'pseudo-gold' | 'none';
  /** Accuracy on gold, or balanced accuracy on pseudo-gold, at the chosen threshold. */
  readonly score?: number;
  /** The same without extension. */
  readonly scoreWithout?: number;
}

export interface EpoxyReport {
  readonly rows: number;
  readonly lfs: number;
  readonly metric: Metric;
  readonly extension: 'votes' | 'posterior';
  /** What was done to the embeddings, and the dimensions that are left. */
  readonly transform: { readonly kind: TransformName; readonly dims: number };
  /** Share of rows with at least one vote; extended: with a vote or (extension 'posterior') a neighbour that counts. */
  readonly coverage: { readonly direct: number; readonly extended: number };
  /** Cells (row, labelling function) with a vote. */
  readonly cells: { readonly direct: number; readonly extended: number };
  /** Under extension 'posterior' the ones that extend nothing. */
  readonly thresholds: readonly number[];
  readonly thresholdChoice: ThresholdReport;
  /** Of extension 'posterior'. */
  readonly smoothing?: SmoothingReport;
  /** Label that rows without evidence get under the policy 'prior', chosen on gold rows; absent without gold. */
  readonly fallback?: number;
  readonly method: string;
  readonly classBalance: readonly number[];
  readonly classBalanceSource: string;
  readonly accuracies: readonly LfAccuracy[];
  /** Milliseconds of each stage. */
  readonly timings: {
    readonly neighbors: number;
    readonly thresholds: number;
    readonly fit: number;
    readonly predict: number;
  };
}

const FORMAT = 'nearvote.epoxy';
const VERSION = 1;

/** Everything prediction needs except the support rows themselves, which {@link Epoxy.fromJSON} is given again. */
export interface EpoxyJSON {
  readonly format: typeof FORMAT;
  readonly version: number;
  readonly metric: Metric;
  readonly thresholds: readonly (number | 'Infinity' | '-Infinity')[];
  readonly fallback?: number;
  readonly model: LabelModelJSON;
  readonly transform?: TransformJSON;
  /** Of extension 'posterior'. */
  readonly posterior?: PosteriorExtensionJSON;
  readonly support: { readonly shape: readonly [number, number]; readonly dims: number; readonly votesSha256: string };
}

interface State {
  readonly support: { readonly votes: VoteMatrix; readonly embeddings: EmbeddingSet };
  readonly ownsEmbeddings: boolean;
  readonly thresholds: Float64Array;
  readonly model: LabelModel;
  readonly fallback: number | undefined;
  /** Absent: none. */
  readonly transform?: EmbeddingTransform | undefined;
  /** Absent: extension 'votes'. */
  readonly posterior?: PosteriorExtension | undefined;
}

/** What a fit adds to the state that prediction needs. */
interface Fitted {
  readonly votes: VoteMatrix;
  readonly proba: Float64Array;
  readonly labels: Int8Array;
  readonly evidence: Uint8Array;
  readonly report: EpoxyReport;
}

/**
 * The whole method (Epoxy, arXiv 2006.15168): votes are extended to nearby rows, a label model learns how good each
 * labelling function is, and new rows are labelled through their own votes and those of their neighbours among the fitted
 * rows. The label model is fitted to the direct votes: an extended vote is a copy of its neighbour's, and agreement of
 * copies says nothing about accuracy.
 */
export class Epoxy {
  readonly #state: State;
  readonly #fitted: Fitted | undefined;

  /** @internal Use {@link Epoxy.fit} or {@link Epoxy.fromJSON}. */
  constructor(state: State, fitted?: Fitted) {
    this.#state = state;
    this.#fitted = fitted;
  }

  /**
   * Extends, tunes and fits. Runs as jobs: the event loop stays free. Do not write, transfer or resize the arrays until it
   * settles (or pass `copy`); the votes are kept for prediction and must stay as they are.
   *
   * @param input votes n x m and embeddings n x d of the same rows; optional thresholds, gold rows, label model options.
   * @throws TypeError or RangeError as `extendVotes` and `LabelModel.fit`, and for gold rows that do not fit.
   */
  static async fit(input: EpoxyInput, options: AsyncOptions = {}): Promise<Epoxy> {
    if (typeof input !== 'object' || input === null) throw typeError('an object', 'input', input);
    const metric = checkMetric(input.metric ?? 'cosine');
    const transform = await EmbeddingTransform.fit(input.embeddings, input.transform ?? 'none', metric, {
      threads: input.threads,
      signal: options.signal,
    });
    const seen = transform === undefined ? input : await transformed(input, transform, options.signal);
    return Epoxy.#fitAsGiven(seen, metric, options, transform);
  }

  /** @internal The fit proper. `transform` is what the embeddings went through already. */
  static async #fitAsGiven(
    input: EpoxyInput,
    metric: Metric,
    options: AsyncOptions,
    transform?: EmbeddingTransform,
  ): Promise<Epoxy> {
    const checked = checkVotes(input.votes, 'votes');
    const given = input.thresholds ?? 'auto';
    const fixed = given === 'auto' ? undefined : checkThresholds(given, checked.cols);
    const modes = fixed ? (['votes'] as const) : (['votes', 'posterior'] as const);
    const extension = checkOneOf(input.extension ?? modes.at(-1), modes, 'extension');
    const k =
      input.k === undefined ? undefined : checkInteger(input.k, 'k', 1, extension === 'votes' ? 1 : 2 ** 31 - 1);
    const votes = options.copy ? { ...input.votes, data: input.votes.data.slice() } : input.votes;
    const { signal, copy } = options;
    const { threads, device } = input;
    const ownsEmbeddings = !(input.embeddings instanceof EmbeddingSet);
    const clock = new Stopwatch();

    const embeddings =
      input.embeddings instanceof EmbeddingSet
        ? input.embeddings
        : await EmbeddingSet.create(input.embeddings, { metric, threads, device, signal, copy });
    const support = { votes, embeddings };
    const job = { signal, ...(options.onProgress && { onProgress: options.onProgress }) };
    if (extension === 'posterior') {
      const how = { ...job, threads: input.threads, k };
      return fitPosterior({ support, ownsEmbeddings, transform }, input, how, clock);
    }
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
      rows: checked.rows,
      lfs: checked.cols,
      metric,
      extension,
      transform: { kind: transform?.kind ?? 'none', dims: embeddings.shape[1] },
      coverage: { direct: coverage(votes), extended: coverage(extended) },
      cells: { direct: cells(votes), extended: cells(extended) },
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
    return new Epoxy(state, { votes: extended, proba, labels, evidence: votedRows(extended), report });
  }

  /** The fitted label model. */
  get model(): LabelModel {
    return this.#state.model;
  }

  /** One threshold per labelling function. */
  get thresholds(): readonly number[] {
    return Array.from(this.#state.thresholds);
  }

  /** Labels of the fitted rows (-1/+1 or 1..K; 0: no evidence or a tie). @throws Error after fromJSON. */
  get labels(): Int8Array {
    return this.#fit('labels').labels;
  }

  /** P(Y) of the fitted rows, shaped as `LabelModel.predictProba`. @throws Error after fromJSON. */
  get proba(): Float64Array {
    return this.#fit('proba').proba;
  }

  /** The extended votes of the fitted rows, n x m (extension 'posterior': their own). @throws Error after fromJSON. */
  get votes(): VoteMatrix {
    return this.#fit('votes').votes;
  }

  /** Per fitted row: 1 if it has a vote, direct or extended, or (extension 'posterior') a neighbour that counts. */
  get evidence(): Uint8Array {
    return this.#fit('evidence').evidence;
  }

  /** What was done and found, as plain data. @throws Error after fromJSON. */
  report(): EpoxyReport {
    return this.#fit('report').report;
  }

  #fit(what: string): Fitted {
    if (this.#fitted) return this.#fitted;
    throw new Error(
      `Expected a fitted Epoxy for ${what} but received one made by fromJSON, which keeps no fitted rows`,
    );
  }

  /** The rows with their embeddings as the fitted ones are. */
  #seen(rows: VotedRows, options: CallOptions): VotedRows {
    const { transform } = this.#state;
    return transform ? { ...rows, embeddings: transform.apply(rows.embeddings, 'embeddings', options) } : rows;
  }

  async #seenAsync(rows: VotedRows, options: CallOptions & AsyncOptions): Promise<VotedRows> {
    const { transform } = this.#state;
    if (transform === undefined) return rows;
    return { ...rows, embeddings: await transform.applyAsync(rows.embeddings, 'embeddings', options) };
  }

  #extension(rows: VotedRows, threads: number | undefined) {
    const { support, thresholds } = this.#state;
    return { ...rows, support, thresholds, metric: support.embeddings.metric, threads };
  }

  /**
   * Votes of any rows extended from the fitted rows, with the neighbour each vote came from. Extension 'posterior' extends
   * posteriors, not votes: only direct votes are left here.
   */
  extend(rows: VotedRows, options: CallOptions = {}): ExtendedVotes {
    return extendVotes(this.#extension(this.#seen(rows, options), options.threads));
  }

  /** {@link extend} as a job. */
  async extendAsync(rows: VotedRows, options: CallOptions & AsyncOptions = {}): Promise<ExtendedVotes> {
    return extendVotesAsync(this.#extension(await this.#seenAsync(rows, options), options.threads), options);
  }

  /** P(Y | votes and neighbours) of any rows, shaped as `LabelModel.predictProba`. */
  predictProba(rows: VotedRows, options: CallOptions = {}): Float64Array {
    const { posterior, model } = this.#state;
    if (posterior)
      return publicProba(
        smoothRows(posterior, model, this.#checked(this.#seen(rows, options)), options).proba,
        model.classes,
      );
    return this.model.predictProba(this.extend(rows, options).votes, options);
  }

  /** {@link predictProba} as a job. */
  async predictProbaAsync(rows: VotedRows, options: CallOptions & AsyncOptions = {}): Promise<Float64Array> {
    const { posterior, model } = this.#state;
    if (posterior) {
      const { proba } = await smoothRowsAsync(
        posterior,
        model,
        this.#checked(await this.#seenAsync(rows, options)),
        options,
      );
      return publicProba(proba, model.classes);
    }
    return this.model.predictProbaAsync((await this.extendAsync(rows, options)).votes, options);
  }

  /**
   * The likeliest label of any rows. Rows without evidence (`uncovered`) and ties get 0 under 'abstain' (default); under
   * 'prior' the fallback chosen on the gold rows, or without gold the likeliest class.
   */
  predict(rows: VotedRows, options: PredictOptions = {}): Int8Array {
    const { posterior, model } = this.#state;
    if (posterior) {
      const { proba, evidence } = smoothRows(posterior, model, this.#checked(this.#seen(rows, options)), options);
      return labelsOf(proba, evidence, model, options);
    }
    const { votes } = this.extend(rows, options);
    return this.#fill(this.model.predict(votes, this.#policy(options)), votes, options);
  }

  /** {@link predict} as a job. */
  async predictAsync(rows: VotedRows, options: PredictOptions & AsyncOptions = {}): Promise<Int8Array> {
    const { posterior, model } = this.#state;
    if (posterior) {
      const { proba, evidence } = await smoothRowsAsync(
        posterior,
        model,
        this.#checked(await this.#seenAsync(rows, options)),
        options,
      );
      return labelsOf(proba, evidence, model, options);
    }
    const { votes } = await this.extendAsync(rows, options);
    return this.#fill(await this.model.predictAsync(votes, { ...options, ...this.#policy(options) }), votes, options);
  }

  /** Rows to smooth: as many votes as embeddings, of the fitted width. */
  #checked(rows: VotedRows): VotedRows {
    const votes = checkVotes(rows.votes, 'votes');
    const { embeddings } = this.#state.support;
    const operand = EmbeddingSet.operand(rows.embeddings, 'embeddings', embeddings.metric);
    if (operand[1] !== votes.rows)
      throw rangeError(`${operand[1]} rows (as in embeddings)`, 'votes', String(votes.rows));
    EmbeddingSet.checkSameDims([embeddings as never, ...embeddings.shape], operand, 'the fitted rows', 'embeddings');
    return rows;
  }

  /** With a fallback of its own the label model abstains, and fill() does the rest. */
  #policy(options: PredictOptions): PredictOptions {
    return this.#state.fallback === undefined ? options : { threads: options.threads };
  }

  #fill(labels: Int8Array, votes: VoteMatrix, { ties, uncovered }: PredictOptions): Int8Array {
    const { fallback } = this.#state;
    if (fallback === undefined || (ties !== 'prior' && uncovered !== 'prior')) return labels;
    const lfs = votes.shape[1];
    return labels.map((label, row) => {
      if (label !== 0) return label;
      const covered = votes.data.subarray(row * lfs, (row + 1) * lfs).some((vote) => vote !== 0);
      return (covered ? ties : uncovered) === 'prior' ? fallback : 0;
    });
  }

  toJSON(): EpoxyJSON {
    const { support, thresholds, model, fallback, transform, posterior } = this.#state;
    return {
      format: FORMAT,
      version: VERSION,
      metric: support.embeddings.metric,
      thresholds: Array.from(thresholds, (t) => (Number.isFinite(t) ? t : t > 0 ? 'Infinity' : '-Infinity')),
      ...(fallback !== undefined && { fallback }),
      model: model.toJSON(),
      ...(transform && { transform: transform.toJSON() }),
      ...(posterior && { posterior: posteriorToJSON(posterior) }),
      support: {
        shape: support.votes.shape,
        dims: support.embeddings.shape[1],
        votesSha256: sha256(support.votes),
      },
    };
  }

  /**
   * @param json what toJSON gave, parsed.
   * @param support the rows it was fitted on: votes (checked against the recorded fingerprint) and embeddings.
   * @throws TypeError or RangeError: not such a file, an unknown version, other support rows.
   */
  static fromJSON(json: EpoxyJSON, support: VotedRows): Epoxy {
    if (json?.format !== FORMAT) throw typeError(`an object of format '${FORMAT}'`, 'json', json);
    if (json.version !== VERSION) throw rangeError(`version ${VERSION}`, 'json.version', String(json.version));
    const model = LabelModel.fromJSON(json.model);
    const metric = checkMetric(json.metric);
    checkVotes(support.votes, 'support.votes');
    if (sha256(support.votes) !== json.support?.votesSha256) {
      throw rangeError('the votes it was fitted on', 'support.votes', 'others (their SHA-256 differs)');
    }
    const transform = json.transform && EmbeddingTransform.fromJSON(json.transform);
    const given = transform ? transform.apply(support.embeddings, 'support.embeddings') : support.embeddings;
    const ownsEmbeddings = !(given instanceof EmbeddingSet);
    const embeddings = given instanceof EmbeddingSet ? given : new EmbeddingSet(given, { metric });
    if (embeddings.shape[0] !== support.votes.shape[0] || embeddings.shape[1] !== json.support.dims) {
      const shape = `[${support.votes.shape[0]}, ${json.support.dims}]`;
      throw rangeError(`shape ${shape}`, 'support.embeddings', `[${embeddings.shape.join(', ')}]`);
    }
    const thresholds = checkThresholds(json.thresholds.map(Number), model.lfs, 'json.thresholds');
    return new Epoxy({
      support: { votes: support.votes, embeddings },
      ownsEmbeddings,
      thresholds,
      model,
      fallback: json.fallback,
      transform,
      posterior: json.posterior && posteriorFromJSON(json.posterior, embeddings, model),
    });
  }

  /** Frees the packed embeddings if this object made them; prediction then throws a TypeError. */
  close(): void {
    const { ownsEmbeddings, support, posterior } = this.#state;
    if (ownsEmbeddings) support.embeddings.close();
    if (posterior?.gold?.owned) posterior.gold.embeddings.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const sha256 = (votes: VoteMatrix) => createHash('sha256').update(votes.data).digest('hex');

const cells = ({ data }: VoteMatrix) => data.reduce((sum: number, vote) => sum + (vote === 0 ? 0 : 1), 0);

/** 1 for rows with a vote. */
const votedRows = ({ data, shape: [rows, lfs] }: VoteMatrix) =>
  Uint8Array.from({ length: rows }, (_, row) =>
    data.subarray(row * lfs, (row + 1) * lfs).some((vote) => vote !== 0) ? 1 : 0,
  );

const share = (flags: Uint8Array) =>
  flags.length === 0 ? 0 : flags.reduce((sum, flag) => sum + flag, 0) / flags.length;
const coverage = (votes: VoteMatrix) => share(votedRows(votes));

class Stopwatch {
  #last = performance.now();
  readonly laps = { neighbors: 0, thresholds: 0, fit: 0, predict: 0 };

  lap(stage: keyof Stopwatch['laps']): void {
    const now = performance.now();
    this.laps[stage] += now - this.#last;
    this.#last = now;
  }
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

/** The input with its embeddings, and those of gold rows of their own, transformed. */
async function transformed(
  input: EpoxyInput,
  transform: EmbeddingTransform,
  signal: AbortSignal | undefined,
): Promise<EpoxyInput> {
  const { threads, gold } = input;
  const embeddings = await transform.applyAsync(input.embeddings, 'embeddings', { threads, signal });
  if (typeof gold !== 'object' || gold === null || !('embeddings' in gold)) return { ...input, embeddings };
  const goldEmbeddings = await transform.applyAsync(gold.embeddings, 'gold.embeddings', { threads, signal });
  return { ...input, embeddings, gold: { ...gold, embeddings: goldEmbeddings } };
}

/** Extension 'posterior': the label model learns from the direct votes, and posteriors travel instead of votes. */
async function fitPosterior(
  { support, ownsEmbeddings, transform }: Pick<State, 'support' | 'ownsEmbeddings' | 'transform'>,
  input: EpoxyInput,
  options: CallOptions & AsyncOptions & { k: number | undefined },
  clock: Stopwatch,
): Promise<Epoxy> {
  const { votes, embeddings } = support;
  const { metric } = embeddings;
  const quiet = { signal: options.signal, threads: options.threads };
  const checked = checkVotes(votes, 'votes');
  if (checked.rows !== embeddings.shape[0])
    throw rangeError(`${embeddings.shape[0]} rows (as in embeddings)`, 'votes', String(checked.rows));
  const gold =
    input.gold === undefined ? undefined : await openGold(input.gold, checked, metric, embeddings.shape[1], quiet);
  const model = await LabelModel.fitAsync(votes, {
    threads: input.threads,
    ...(gold && { classBalance: { labels: gold.labels } }),
    ...input.model,
    signal: options.signal,
  });
  clock.lap('fit');
  const own = await ownEvidenceAsync(model, votes, quiet);
  clock.lap('predict');
  const {
    smoother,
    proba,
    evidence,
    report: smoothing,
  } = await KnnPosterior.fit(
    { embeddings, ...own },
    gold && (await goldEvidence(gold, model, quiet)),
    model.classBalance,
    { ...options, onLists: () => clock.lap('neighbors') },
  );
  clock.lap('thresholds');
  const thresholds = new Float64Array(checked.cols).fill(metric === 'l2' ? 0 : Number.POSITIVE_INFINITY);
  const report: EpoxyReport = {
    rows: checked.rows,
    lfs: checked.cols,
    metric,
    extension: 'posterior',
    transform: { kind: transform?.kind ?? 'none', dims: embeddings.shape[1] },
    coverage: { direct: coverage(votes), extended: share(evidence) },
    cells: { direct: cells(votes), extended: cells(votes) },
    thresholds: Array.from(thresholds),
    thresholdChoice: { source: 'none' },
    smoothing,
    method: model.method,
    classBalance: model.classBalance,
    classBalanceSource: model.classBalanceSource,
    accuracies: model.accuracies,
    timings: clock.laps,
  };
  const posterior = { smoother, gold: gold?.set };
  const state = { support, ownsEmbeddings, thresholds, model, fallback: undefined, transform, posterior };
  const labels = labelsOf(proba, evidence, model, {});
  return new Epoxy(state, { votes, proba: publicProba(proba, model.classes), labels, evidence, report });
}
