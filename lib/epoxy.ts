import { checkInteger, checkOneOf, checkOptions, checkPolicies, rangeError } from './check.js';
import { classColumns, labelsOf, publicProba } from './columns.js';
import { votedRows } from './coverage.js';
import { EmbeddingSet } from './embedding-set.js';
import { checkEpoxyInput } from './epoxy-input.js';
import { type EpoxyJSON, stateFromJSON, stateToJSON } from './epoxy-json.js';
import { fitPosterior, smoothRows, smoothRowsAsync } from './epoxy-posterior.js';
import {
  type CheckedInput,
  type EpoxyInput,
  type EpoxyReport,
  type EpoxyState,
  type Fitted,
  type PreparedRows,
  Stopwatch,
} from './epoxy-types.js';
import { fitVotes } from './epoxy-votes.js';
import { type ExtendedVotes, extendVotes, extendVotesAsync, type VotedRows } from './extend.js';
import { type ShapedRows, shapedRows } from './extend-input.js';
import type { LabelModel, PredictOptions } from './label-model.js';
import { softProba, softProbaAsync } from './soft-posterior.js';
import { EmbeddingTransform, type TransformOptions } from './transform.js';
import { chooseTransform } from './transform-choice.js';
import type { AsyncOptions, CallOptions, VoteMatrix } from './types.js';

/**
 * The whole method (Epoxy, arXiv 2006.15168): votes are extended to nearby rows, a label model learns how good each
 * labelling function is, and new rows are labelled through their own votes and those of their neighbours among the fitted
 * rows. The label model is fitted to the direct votes: an extended vote is a copy of its neighbour's, and agreement of
 * copies says nothing about accuracy.
 */
export class Epoxy {
  readonly #state: EpoxyState;
  readonly #fitted: Fitted | undefined;

  /** @internal Use {@link Epoxy.fit} or {@link Epoxy.fromJSON}. */
  constructor(state: EpoxyState, fitted?: Fitted) {
    this.#state = state;
    this.#fitted = fitted;
  }

  /**
   * Extends, tunes and fits. Runs as jobs: the event loop stays free but for single passes over votes and neighbour lists
   * between them, some milliseconds per million cells. Do not write, transfer or resize the arrays until it
   * settles (or pass `copy`); the votes are kept for prediction and must stay as they are.
   *
   * @param input votes n x m and embeddings n x d of the same rows; optional thresholds, gold rows, label model options.
   * @param options `onProgress` follows the search for neighbours, which takes longest; what comes after it is not counted.
   * @throws TypeError or RangeError as `extendVotes` and `LabelModel.fit`, and for gold rows that do not fit.
   */
  static async fit(input: EpoxyInput, options: AsyncOptions = {}): Promise<Epoxy> {
    const checked = checkEpoxyInput(input, checkOptions(options).copy === true);
    const { metric, embeddings, model, threads } = checked;
    const quiet = { threads, signal: options.signal };
    const chosen = input.transform === 'auto' ? await chooseTransform(checked, metric, model ?? {}, quiet) : undefined;
    const asked = (chosen?.kind ?? checked.transform ?? 'none') as Exclude<TransformOptions, 'auto'>;
    const transform = await EmbeddingTransform.fit(embeddings, asked, metric, quiet);
    const seen = transform === undefined ? checked : await transformed(checked, transform, options.signal);
    return Epoxy.#fitAsGiven(seen, options, { fitted: transform, scores: chosen?.scores });
  }

  /** The fit proper. `transform` is what the embeddings went through already. */
  static async #fitAsGiven(
    input: CheckedInput,
    options: AsyncOptions,
    transform: PreparedRows['transform'],
  ): Promise<Epoxy> {
    const { votes, metric, threads, device } = input;
    const fixed = input.thresholds === 'auto' ? undefined : input.thresholds;
    const modes = fixed ? (['votes'] as const) : (['votes', 'posterior'] as const);
    const extension = checkOneOf(input.extension ?? modes.at(-1), modes, 'extension');
    const k = input.k === undefined ? undefined : checkInteger(input.k, 'k', 1);
    const { signal } = options;
    const ownsEmbeddings = !(input.embeddings instanceof EmbeddingSet);
    const clock = new Stopwatch();

    const embeddings =
      input.embeddings instanceof EmbeddingSet
        ? input.embeddings
        : await EmbeddingSet.create(input.embeddings, { metric, threads, device, signal });
    const rows = { support: { votes, embeddings }, ownsEmbeddings, transform };
    const job = { signal, ...(options.onProgress && { onProgress: options.onProgress }) };
    const { state, fitted } =
      extension === 'posterior'
        ? await fitPosterior(rows, input, { ...job, threads, k }, clock)
        : await fitVotes(rows, input, fixed, k ?? 1, job, clock);
    return new Epoxy(state, fitted);
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
  #seen(given: VotedRows, options: CallOptions): ShapedRows {
    const rows = shapedRows(given);
    const { transform } = this.#state;
    return transform ? { ...rows, embeddings: transform.apply(rows.embeddings, 'embeddings', options) } : rows;
  }

  async #seenAsync(given: VotedRows, options: CallOptions & AsyncOptions): Promise<ShapedRows> {
    const rows = shapedRows(given, '', options.copy);
    const { transform } = this.#state;
    if (transform === undefined) return rows;
    return { ...rows, embeddings: await transform.applyAsync(rows.embeddings, 'embeddings', options) };
  }

  #extension(rows: ShapedRows, threads: number | undefined) {
    const { support, thresholds, voters } = this.#state;
    return { ...rows, support, thresholds, k: voters, metric: support.embeddings.metric, threads };
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
    return this.#extendAsync(await this.#seenAsync(rows, options), options);
  }

  /** @param seen rows that the caller does not change. */
  #extendAsync(seen: ShapedRows, { threads, signal, onProgress }: CallOptions & AsyncOptions): Promise<ExtendedVotes> {
    return extendVotesAsync(this.#extension(seen, threads), { signal, onProgress });
  }

  /**
   * P(Y | votes and neighbours) of any rows, shaped as `LabelModel.predictProba`. For the fitted rows see {@link proba}:
   * given here they are rows like any others, and find themselves among their neighbours.
   *
   * @throws TypeError or RangeError: votes of other labelling functions, embeddings of another width, NaN or Inf in them (row
   *   and column named), a closed Epoxy.
   */
  predictProba(rows: VotedRows, options: CallOptions = {}): Float64Array {
    const { posterior, model } = this.#state;
    const seen = this.#seen(rows, options);
    if (posterior) return publicProba(smoothRows(posterior, model, this.#checked(seen), options).proba, model.classes);
    return this.#labelled(extendVotes(this.#extension(seen, options.threads)), seen, options);
  }

  /** {@link predictProba} as a job. */
  async predictProbaAsync(rows: VotedRows, options: CallOptions & AsyncOptions = {}): Promise<Float64Array> {
    const { posterior, model } = this.#state;
    const seen = await this.#seenAsync(rows, options);
    if (posterior) {
      const { proba } = await smoothRowsAsync(posterior, model, this.#checked(seen), { ...options, copy: false });
      return publicProba(proba, model.classes);
    }
    return this.#labelledAsync(await this.#extendAsync(seen, options), seen, options);
  }

  /**
   * The likeliest label of any rows. Rows without evidence (`uncovered`) and ties get 0 under 'abstain' (default); under
   * 'prior' the fallback chosen on the gold rows, or without gold the likeliest class.
   */
  predict(rows: VotedRows, options: PredictOptions = {}): Int8Array {
    const { posterior, model } = this.#state;
    const seen = this.#seen(rows, options);
    if (posterior) {
      const { proba, evidence } = smoothRows(posterior, model, this.#checked(seen), options);
      return labelsOf(proba, evidence, model, options);
    }
    const extended = extendVotes(this.#extension(seen, options.threads));
    return this.#decide(this.#labelled(extended, seen, options), extended.votes, options);
  }

  /** {@link predict} as a job. */
  async predictAsync(rows: VotedRows, options: PredictOptions & AsyncOptions = {}): Promise<Int8Array> {
    const { posterior, model } = this.#state;
    const seen = await this.#seenAsync(rows, options);
    if (posterior) {
      const quiet = { ...options, copy: false };
      const { proba, evidence } = await smoothRowsAsync(posterior, model, this.#checked(seen), quiet);
      return labelsOf(proba, evidence, model, options);
    }
    const extended = await this.#extendAsync(seen, options);
    return this.#decide(await this.#labelledAsync(extended, seen, options), extended.votes, options);
  }

  /** P(Y) of extended votes. */
  #labelled(extended: ExtendedVotes, seen: ShapedRows, options: CallOptions): Float64Array {
    const { model, local } = this.#state;
    return local ? local.proba(extended, seen.embeddings, options) : softProba(model, extended, options);
  }

  async #labelledAsync(extended: ExtendedVotes, seen: ShapedRows, { threads, signal }: CallOptions & AsyncOptions) {
    const { model, local } = this.#state;
    const quiet = { threads, signal };
    return local ? local.probaAsync(extended, seen.embeddings, quiet) : softProbaAsync(model, extended, quiet);
  }

  /** Rows to smooth: as many votes as embeddings, of the fitted width. */
  #checked(rows: ShapedRows): ShapedRows {
    const [rowsWithVotes] = rows.votes.shape;
    const { embeddings } = this.#state.support;
    const operand = EmbeddingSet.operand(rows.embeddings, 'embeddings', embeddings.metric);
    if (operand[1] !== rowsWithVotes)
      throw rangeError(`${operand[1]} rows (as in embeddings)`, 'votes', String(rowsWithVotes));
    EmbeddingSet.checkSameDims([embeddings as never, ...embeddings.shape], operand, 'the fitted rows', 'embeddings');
    return rows;
  }

  /** Labels of extended votes; where they leave it open the fallback chosen on gold rows, if there is one. */
  #decide(proba: Float64Array, votes: VoteMatrix, options: PredictOptions): Int8Array {
    const { fallback, model } = this.#state;
    const { ties, uncovered } = checkPolicies(options);
    const covered = votedRows(votes);
    const columns = classColumns(proba, model.classes);
    if (fallback === undefined) return labelsOf(columns, covered, model, { ties, uncovered });
    return labelsOf(columns, covered, model, {}).map((label, row) =>
      label === 0 && (covered[row] === 1 ? ties : uncovered) === 'prior' ? fallback : label,
    );
  }

  /**
   * Everything prediction needs but the support rows. Gold rows of their own are in it; given as an EmbeddingSet (which
   * must be open) they are written as it holds them, so that predictions can differ by a rounding afterwards.
   */
  toJSON(): EpoxyJSON {
    return stateToJSON(this.#state);
  }

  /**
   * @param json what toJSON gave, parsed.
   * @param support the rows it was fitted on: votes (checked against the recorded fingerprint) and embeddings.
   * @throws TypeError or RangeError: not such a file, an unknown version, other support rows.
   */
  static fromJSON(json: EpoxyJSON, support: VotedRows): Epoxy {
    return new Epoxy(stateFromJSON(json, support));
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

/** The input with its embeddings, and those of gold rows of their own, transformed. */
async function transformed(
  input: CheckedInput,
  transform: EmbeddingTransform,
  signal: AbortSignal | undefined,
): Promise<CheckedInput> {
  const { threads, gold } = input;
  const embeddings = await transform.applyAsync(input.embeddings, 'embeddings', { threads, signal });
  if (gold === undefined || 'rows' in gold) return { ...input, embeddings };
  const goldEmbeddings = await transform.applyAsync(gold.embeddings, 'gold.embeddings', { threads, signal });
  return { ...input, embeddings, gold: { ...gold, embeddings: goldEmbeddings } };
}
