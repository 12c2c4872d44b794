import { checkFloatMatrix, checkInteger, checkOptions, checkTypedArray, rangeError, typeError } from './check.js';
import { EmbeddingSet, type Embeddings } from './embedding-set.js';
import { replaceFileAtomic } from './io/atomic.js';
import { partOf, runJob } from './job.js';
import type { LabelModel, LabelModelOptions } from './label-model.js';
import { addon, type Control } from './native.js';
import { checkGold, checkLf, checkName, checkSettings, checkThreshold, refuseUnderPosterior } from './session-check.js';
import { type Edited, SessionEditor } from './session-edit.js';
import { type Explanation, readExplanation } from './session-explain.js';
import { readNotes, writeNotes } from './session-file.js';
import type { EditHandle } from './session-native.js';
import { type LfStatistics, lfStatistics, type SessionReport, sessionReport } from './session-report.js';
import { nextToLabel, type Suggestions, suggest } from './session-suggest.js';
import type { SessionChange, SessionInput } from './session-types.js';
import type { AsyncOptions, CallOptions, FloatMatrix, Metric, VoteMatrix } from './types.js';

/** Rows that 'posterior' may ask of a neighbour list unless told. */
const MAX_DEFAULT_K = 50;
/** Entries a list has at least unless told. */
const LEAST_DEFAULT_LENGTH = 64;

/**
 * Labelling functions edited at a keyboard: every edit is answered from neighbour lists that were built once. The state
 * after any edits has the very bits that `Epoxy.fit` gives for the same votes, thresholds, gold rows and model options
 * (without thresholds: with `endModel: false`).
 *
 * Edits are jobs off the event loop, apply in the order they were called, and an edit that fails changes nothing. What can
 * be read at once (labels, report) is the state of the last edit whose promise has resolved.
 */
export class Session {
  readonly metric: Metric;
  /** 0: binary votes -1/+1; else K. */
  readonly classes: number;
  readonly #editor: SessionEditor;
  #rows = 0;

  private constructor(input: Omit<SessionInput, 'embeddings'>) {
    const settings = checkSettings(input);
    this.metric = settings.metric;
    this.classes = settings.classes;
    this.#editor = new SessionEditor(settings);
  }

  /**
   * Normalises and packs the embeddings, finds every row's nearest rows (exact; the part that takes seconds), then takes the
   * labelling functions in. Do not write, transfer or resize the arrays until it settles (or pass `copy`).
   *
   * @throws TypeError or RangeError: wrong types, shapes or options; NaN or Inf in an embedding (row and column named);
   *   votes outside the domain (row named).
   */
  static async open(input: SessionInput, options: AsyncOptions = {}): Promise<Session> {
    const session = new Session(input);
    checkOptions(options);
    const { metric, classes } = session;
    const editor = session.#editor;
    const { k, threads, extension } = editor.settings;
    const wanted = input.neighbors === undefined ? 0 : checkInteger(input.neighbors, 'neighbors', 1, 4096);
    // Lists of the default length hold more than the default k.
    const least = extension === 'votes' ? 0 : (k ?? MAX_DEFAULT_K);
    const neighbors = wanted === 0 && least <= LEAST_DEFAULT_LENGTH ? 0 : Math.max(wanted, least);
    const lfs = (input.lfs ?? []).map((lf, at) => {
      const checked = checkLf(lf, `lfs[${at}]`, extension);
      return options.copy ? { ...checked, votes: checked.votes.slice() } : checked;
    });
    const operand = EmbeddingSet.operand(input.embeddings, 'embeddings', metric, options.copy);
    const gold = input.gold && checkGold(input.gold, operand[1], classes);
    // What the neighbour lists do not tell a labelling function may take as long as the lists.
    const lists = editor.extends(lfs) ? 0.5 : 1;
    await runJob(partOf(options, 0, lists), (control) =>
      addon.fillSession(editor.handle, ...operand, metric, classes, neighbors, threads, control),
    );
    const next = { gold, options: input.model ?? {} };
    const first = (edit: EditHandle, control: Control) => editor.sendVotes(edit, lfs, control);
    const edited = await editor.edit(next, first, partOf(options, lists, 1));
    session.#describe(edited);
    return session;
  }

  /**
   * Sets the votes of a labelling function, or adds one under a new name. The column is copied at once.
   *
   * @param votes one per row.
   * @param options.threshold of a new one default: the session's; a known one keeps its own.
   * @throws TypeError or RangeError: not one vote per row, a vote outside the domain (row named), a NaN threshold.
   */
  async setVotes(
    name: string,
    votes: Int8Array,
    options: { readonly threshold?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<SessionChange> {
    const { threshold, signal } = options;
    const column = checkTypedArray(votes, Int8Array, 'votes').slice();
    const lf = checkLf({ name, votes: column, threshold }, 'lf', this.#editor.settings.extension);
    return this.#edit(
      () => this.#editor.edit({}, (edit, control) => this.#editor.sendVotes(edit, [lf], control), { signal }),
      name,
    );
  }

  /** Sets how far a labelling function's votes reach. @throws RangeError: an unknown name, NaN, extension 'posterior' chosen. */
  async setThreshold(name: string, threshold: number): Promise<SessionChange> {
    checkName(name, 'name');
    checkThreshold(threshold, 'threshold');
    const { handle, settings } = this.#editor;
    refuseUnderPosterior(settings.extension, threshold);
    const first = (edit: EditHandle, control: Control) =>
      addon.sessionSetThreshold(handle, edit, name, threshold, settings.threads, control);
    // The label model knows votes, not how far they reach.
    return this.#edit(() => this.#editor.edit({ model: this.#editor.fit.model }, first), name);
  }

  /** @throws RangeError: an unknown name. */
  async removeLf(name: string): Promise<SessionChange> {
    checkName(name, 'name');
    const first = (edit: EditHandle, control: Control) =>
      addon.sessionRemoveLf(this.#editor.handle, edit, name, control);
    return this.#edit(() => this.#editor.edit({}, first));
  }

  /**
   * Replaces the gold labels: the class balance follows them, unless the model options give it; reports count right and
   * wrong; under extension 'posterior' gold rows are neighbours that know their label. No rows: without gold.
   *
   * @throws TypeError or RangeError: rows outside the session, labels outside the domain.
   */
  async setGold(rows: ArrayLike<number>, labels: ArrayLike<number>): Promise<SessionChange> {
    return this.#edit(() => {
      const gold = checkGold({ rows, labels }, this.#rows, this.classes);
      return this.#editor.refit({ gold: gold.rows.length === 0 ? undefined : gold });
    });
  }

  /** Replaces the options of the label model. @throws as `LabelModel.fit`. */
  async setModel(options: LabelModelOptions): Promise<SessionChange> {
    return this.#edit(() => this.#editor.refit({ options }));
  }

  /**
   * Adds rows behind the others. They get votes from the rows that were there and give theirs to them. The arrays are copied
   * at once. The time grows with their number and that of the rows there are (bench/README.md); every n/8 rows or so the embeddings
   * move to larger memory, which takes longer.
   *
   * @param rows.embeddings r x d; normalised like the others.
   * @param rows.votes by name, r votes each; a labelling function that is left out abstains on them.
   * @throws TypeError or RangeError: an unknown name, wrong shapes, NaN or Inf, votes outside the domain.
   */
  async appendRows(
    rows: { readonly embeddings: FloatMatrix; readonly votes?: Readonly<Record<string, Int8Array>> | undefined },
    options: AsyncOptions = {},
  ): Promise<SessionChange> {
    if (typeof rows !== 'object' || rows === null) throw typeError('{ embeddings, votes }', 'rows', rows);
    const matrix = checkFloatMatrix(rows.embeddings, 'embeddings');
    const copy = { data: matrix.data.slice(), shape: [matrix.rows, matrix.cols] as const };
    const votes = new Map(
      Object.entries(rows.votes ?? {}).map(([name, column]) => {
        if (checkTypedArray(column, Int8Array, `votes.${name}`).length !== matrix.rows)
          throw rangeError(`${matrix.rows} votes`, `votes.${name}`, String(column.length));
        return [name, column.slice()];
      }),
    );
    const first = (edit: EditHandle, control: Control) => this.#editor.sendRows(edit, copy, votes, control);
    return this.#edit(() => this.#editor.edit({}, first, options));
  }

  /** Takes the last edit back. @throws RangeError when there is none, or it is too long ago (64 edits, 256 MiB, one appendRows). */
  async undo(): Promise<SessionChange> {
    return this.#edit(() => this.#editor.undo());
  }

  /**
   * Saves everything but the embeddings: neighbour lists, labelling functions, gold rows, model options. The file is written
   * whole or not at all, and carries a checksum and a fingerprint of the embeddings. Edits called later wait for it.
   */
  async save(path: string, options: AsyncOptions = {}): Promise<void> {
    const { handle, settings } = this.#editor;
    return this.#editor.enqueue(async () => {
      const text = writeNotes(settings, this.#editor.fit);
      const write = (_: unknown, temporary: string) =>
        runJob(options, (control) => addon.sessionSave(handle, temporary, text, settings.threads, control));
      await replaceFileAtomic(path, write, options.signal);
    });
  }

  /**
   * Opens a session from a file and the embeddings it was saved with; only its label model is fitted anew, to the same bits.
   *
   * @throws RangeError: no such file, not a session of this version, damaged, or other embeddings.
   */
  static async load(
    path: string,
    input: { readonly embeddings: Embeddings } & CallOptions,
    options: AsyncOptions = {},
  ): Promise<Session> {
    if (typeof input !== 'object' || input === null) throw typeError('{ embeddings }', 'input', input);
    checkName(path, 'path');
    const { metric, classes, notes } = addon.sessionFile(path);
    const { settings, gold, model } = readNotes(notes);
    const { threads } = input;
    const session = new Session({ threads, metric, ...(classes > 0 && { classes }), ...settings });
    const { handle, settings: kept } = session.#editor;
    const operand = EmbeddingSet.operand(input.embeddings, 'embeddings', metric, options.copy);
    const next = { gold: gold && checkGold(gold, operand[1], classes), options: model };
    const first = (edit: EditHandle, control: Control) =>
      addon.sessionLoad(handle, edit, path, ...operand, metric, kept.threads, control);
    session.#describe(await session.#editor.edit(next, first, options));
    return session;
  }

  #edit(run: () => Promise<Edited>, name?: string): Promise<SessionChange> {
    return this.#editor.enqueue(async () => this.#describe(await run(), name));
  }

  #describe({ change, start }: Edited, name?: string): SessionChange {
    const { labels, posteriors, coverage, lookedUp } = change;
    this.#rows = change.rows;
    const lf = name === undefined ? undefined : this.lf(name);
    return { labels, posteriors, coverage, ...(lf && { lf }), lookedUp, milliseconds: performance.now() - start };
  }

  #goldVotes() {
    const { gold } = this.#editor.fit;
    return gold && { labels: gold.labels, votes: addon.sessionVotes(this.#editor.handle, gold.rows) };
  }

  /** Number of rows. */
  get rows(): number {
    return this.#rows;
  }

  /** Names of the labelling functions, in column order. */
  get names(): readonly string[] {
    return addon.sessionNames(this.#editor.handle);
  }

  /** The fitted label model. */
  get model(): LabelModel {
    return this.#editor.fit.model;
  }

  /** A copy of the gold labels, or undefined. */
  get gold(): { readonly rows: Int32Array; readonly labels: Int8Array } | undefined {
    const { gold } = this.#editor.fit;
    return gold && { rows: gold.rows.slice(), labels: gold.labels.slice() };
  }

  /** A copy of the labels (-1/+1 or 1..K; 0: no evidence or a tie). */
  get labels(): Int8Array {
    return addon.sessionState(this.#editor.handle).labels;
  }

  /** A copy of P(Y), shaped as `LabelModel.predictProba`. */
  get proba(): Float64Array {
    return addon.sessionState(this.#editor.handle).proba;
  }

  /** A copy of the extended votes, n x m (extension 'posterior' extends none). */
  get votes(): VoteMatrix {
    const data = addon.sessionVotes(this.#editor.handle, undefined);
    const shape = [this.rows, this.model.lfs] as const;
    return this.classes === 0 ? { data, shape } : { data, shape, classes: this.classes };
  }

  /** One labelling function as it stands, or undefined. */
  lf(name: string): LfStatistics | undefined {
    const place = this.names.indexOf(name);
    if (place < 0) return undefined;
    const { rows, lfs } = addon.sessionReport(this.#editor.handle, place);
    return lfStatistics(lfs[0]!, place, rows, this.classes, this.model, this.#goldVotes());
  }

  /** Everything about the session as plain data. */
  report(): SessionReport {
    const { handle, fit } = this.#editor;
    return sessionReport(addon.sessionReport(handle, -1), this.classes, fit, this.#goldVotes(), (rows) =>
      addon.sessionLabels(handle, rows),
    );
  }

  /** Why a row has its label: the prior and what each vote adds to it. @throws RangeError: no such row. */
  explain(row: number): Explanation {
    checkInteger(row, 'row', 0, this.rows - 1);
    const { handle, fit } = this.#editor;
    return readExplanation(row, addon.sessionExplain(handle, row), fit.smoothing);
  }

  /**
   * Rows worth a gold label, best first: uncertain ones in dense uncertain places, each far from the ones before it and from
   * gold rows. A label is taken to settle its row and, as far as they are close, its neighbours; a row's rank is the entropy
   * it would settle. Rows chosen like this are no sample of the classes: give the class balance in the model options, or it
   * follows them.
   *
   * @param count at most this many.
   */
  nextToLabel(count: number): Int32Array {
    const { handle, fit, settings } = this.#editor;
    return nextToLabel(handle, fit, checkInteger(count, 'count', 0, 2 ** 31 - 1), settings.threads);
  }

  /** Labelling functions that contradict each other, those below chance, and regions that none of them votes on. */
  suggest(): Suggestions {
    return suggest(this.#editor.handle, this.#editor.fit, this.report().lfs);
  }

  /** Frees the native memory, once the step that runs has ended. Edits that are not done and later calls reject or throw a TypeError. */
  close(): void {
    addon.closeSession(this.#editor.handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
