import {
  checkFloatMatrix,
  checkInteger,
  checkMetric,
  checkThreads,
  checkTypedArray,
  rangeError,
  typeError,
} from './check.js';
import { EmbeddingSet, type Embeddings } from './embedding-set.js';
import { replaceFileAtomic } from './io/atomic.js';
import { runJob } from './job.js';
import { LabelModel, type LabelModelOptions } from './label-model.js';
import { addon, type Call, type Control } from './native.js';
import type { EditHandle, NativeChange, SessionHandle } from './session-native.js';
import {
  type Explanation,
  type LfStatistics,
  lfStatistics,
  readExplanation,
  type SessionReport,
} from './session-report.js';
import type { AsyncOptions, CallOptions, FloatMatrix, Metric, VoteMatrix } from './types.js';
import { checkLabels, VoteCounts } from './votes.js';

/** A labelling function: its name and its votes on all rows (0 = abstain; -1/+1, or 1..K). */
export interface SessionLf {
  readonly name: string;
  readonly votes: Int8Array;
  /** As for `extendVotes`; default: the session's. */
  readonly threshold?: number | undefined;
}

/** Labels of some rows, 0 = unknown. */
export interface SessionGold {
  readonly rows: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
}

/** What {@link Session.open} takes. */
export interface SessionInput extends CallOptions {
  readonly embeddings: Embeddings;
  /** Default 'cosine'. */
  readonly metric?: Metric | undefined;
  /** K for votes 1..K; absent: a binary task, votes -1/+1. */
  readonly classes?: number | undefined;
  readonly lfs?: readonly SessionLf[] | undefined;
  /** Threshold of labelling functions that name none; default: nothing is extended. */
  readonly threshold?: number | undefined;
  readonly gold?: SessionGold | undefined;
  /** How the label model is fitted; the class balance comes from the gold rows unless it is given here. */
  readonly model?: LabelModelOptions | undefined;
  /** Neighbours kept per row, 8 bytes each; default: about 256 MiB in all, but 64 to 256 a row. */
  readonly neighbors?: number | undefined;
}

/** What an edit changed. Rows ascend. */
export interface SessionChange {
  /** Rows whose label, posterior, or being covered by any vote changed. */
  readonly labels: Int32Array;
  readonly posteriors: Int32Array;
  readonly coverage: Int32Array;
  /** The labelling function that was edited, as it is now. */
  readonly lf?: LfStatistics;
  /** Cells that the neighbour lists could not answer and that were searched among the voters. */
  readonly lookedUp: number;
  /** From the start of the edit to its result. */
  readonly milliseconds: number;
}

interface Gold {
  readonly rows: Int32Array;
  readonly labels: Int8Array;
}

/** What a saved session holds besides the native state, as JSON. */
interface Notes {
  readonly threshold: number | string;
  readonly gold?: { readonly rows: readonly number[]; readonly labels: readonly number[] };
  readonly model: LabelModelOptions;
}

/** The part of the state that the native side does not hold. */
interface Fit {
  readonly gold: Gold | undefined;
  readonly options: LabelModelOptions;
  readonly model: LabelModel;
}

/**
 * Labelling functions edited at a keyboard: every edit is answered from neighbour lists that were built once. The state
 * after any edits has the very bits that `Epoxy.fit` gives for the same votes, thresholds, gold rows and model options.
 *
 * Edits are jobs: they never block the event loop, apply in the order they were called, and an edit that fails changes
 * nothing. What can be read at once (labels, report) is the state of the last edit whose promise has resolved.
 */
export class Session {
  readonly metric: Metric;
  /** 0: binary votes -1/+1; else K. */
  readonly classes: number;
  readonly #handle: SessionHandle;
  readonly #threads: number;
  readonly #threshold: number;
  #rows = 0;
  #fit: Fit | undefined;
  readonly #past: Fit[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(input: SessionInput) {
    if (typeof input !== 'object' || input === null) throw typeError('an object', 'input', input);
    this.metric = checkMetric(input.metric ?? 'cosine');
    this.classes = input.classes === undefined ? 0 : checkInteger(input.classes, 'classes', 2, 127);
    this.#threads = checkThreads(input.threads);
    this.#threshold = checkThreshold(input.threshold ?? (this.metric === 'l2' ? 0 : Infinity), 'threshold');
    this.#handle = addon.newSession();
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
    const { metric, classes } = session;
    const neighbors = input.neighbors === undefined ? 0 : checkInteger(input.neighbors, 'neighbors', 1, 4096);
    const lfs = (input.lfs ?? []).map((lf, at) => checkLf(lf, `lfs[${at}]`));
    const operand = EmbeddingSet.operand(input.embeddings, 'embeddings', metric, options.copy);
    const gold = input.gold && session.#checkGold(input.gold, operand[1]);
    await runJob(options, (control) =>
      addon.fillSession(session.#handle, ...operand, metric, classes, neighbors, session.#threads, control),
    );
    const next = { gold, options: input.model ?? {} };
    await session.#edit(next, undefined, (edit, control) => session.#sendVotes(edit, lfs, control), {
      signal: options.signal,
    });
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
    const lf = checkLf({ name, votes: checkTypedArray(votes, Int8Array, 'votes').slice(), ...options }, 'lf');
    return this.#enqueue(() =>
      this.#edit({}, name, (edit, control) => this.#sendVotes(edit, [lf], control), { signal: options.signal }),
    );
  }

  /** Sets how far a labelling function's votes reach. @throws RangeError: an unknown name, NaN. */
  async setThreshold(name: string, threshold: number): Promise<SessionChange> {
    checkThreshold(threshold, 'threshold');
    return this.#enqueue(() =>
      this.#edit({}, name, (edit, control) =>
        addon.sessionSetThreshold(this.#handle, edit, String(name), threshold, this.#threads, control),
      ),
    );
  }

  /** @throws RangeError: an unknown name. */
  async removeLf(name: string): Promise<SessionChange> {
    return this.#enqueue(() =>
      this.#edit({}, undefined, (edit, control) => addon.sessionRemoveLf(this.#handle, edit, String(name), control)),
    );
  }

  /**
   * Replaces the gold rows: they give the class balance (unless the model options do) and the scores in the report.
   *
   * @throws TypeError or RangeError: rows outside the session, labels outside the domain (0 = unknown is fine).
   */
  async setGold(rows: ArrayLike<number>, labels: ArrayLike<number>): Promise<SessionChange> {
    const source = { rows: Array.from(rows), labels: Array.from(labels) };
    return this.#enqueue(() => this.#refit({ gold: this.#checkGold(source, this.rows) }));
  }

  /** Replaces the options of the label model. @throws as `LabelModel.fit`. */
  async setModel(options: LabelModelOptions): Promise<SessionChange> {
    return this.#enqueue(() => this.#refit({ options }));
  }

  /**
   * Adds rows behind the others. They get votes from the rows that were there and give theirs to them. The arrays are copied
   * at once.
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
    const data = matrix.data.slice();
    const votes = new Map(
      Object.entries(rows.votes ?? {}).map(([name, column]) => {
        if (checkTypedArray(column, Int8Array, `votes.${name}`).length !== matrix.rows)
          throw rangeError(`${matrix.rows} votes`, `votes.${name}`, String(column.length));
        return [name, column.slice()];
      }),
    );
    return this.#enqueue(() =>
      this.#edit(
        {},
        undefined,
        (edit, control) => {
          const names = this.names;
          const unknown = Array.from(votes.keys()).find((name) => !names.includes(name));
          if (unknown !== undefined) throw rangeError('labelling functions of this session', 'votes', `'${unknown}'`);
          const columns = new Int8Array(names.length * matrix.rows);
          names.forEach((name, j) => {
            columns.set(votes.get(name) ?? [], j * matrix.rows);
          });
          const shape = [matrix.rows, matrix.cols] as const;
          return addon.sessionAppendRows(
            this.#handle,
            edit,
            data,
            ...shape,
            columns,
            names.length,
            this.#threads,
            control,
          );
        },
        options,
      ),
    );
  }

  /** Takes the last edit back. @throws RangeError when there is none, or it is too long ago (64 edits, 256 MiB, one appendRows). */
  async undo(): Promise<SessionChange> {
    return this.#enqueue(async () => {
      const start = performance.now();
      const edit = addon.newSessionEdit();
      await runJob({}, (control) => addon.sessionUndo(this.#handle, edit, this.#threads, control));
      this.#fit = this.#past.pop();
      return this.#describe(addon.sessionChange(edit), undefined, start);
    });
  }

  /**
   * Saves everything but the embeddings: neighbour lists, labelling functions, gold rows, model options. The file is written
   * whole or not at all, and carries a checksum and a fingerprint of the embeddings. Edits called later wait for it.
   */
  async save(path: string, options: AsyncOptions = {}): Promise<void> {
    return this.#enqueue(async () => {
      const { gold, options: model } = this.#fit!;
      const notes: Notes = {
        threshold: Number.isFinite(this.#threshold) ? this.#threshold : String(this.#threshold),
        ...(gold && { gold: { rows: Array.from(gold.rows), labels: Array.from(gold.labels) } }),
        model,
      };
      const text = JSON.stringify(notes, (_, value) =>
        ArrayBuffer.isView(value) ? Array.from(value as Int8Array) : value,
      );
      await replaceFileAtomic(
        path,
        (_, temporary) =>
          runJob(options, (control) => addon.sessionSave(this.#handle, temporary, text, this.#threads, control)),
        options.signal,
      );
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
    const { metric, classes, notes } = addon.sessionFile(path);
    const { threshold, gold, model } = JSON.parse(notes) as Notes;
    const session = new Session({
      ...input,
      metric,
      ...(classes > 0 && { classes }),
      threshold: Number(threshold),
    });
    const operand = EmbeddingSet.operand(input.embeddings, 'embeddings', metric, options.copy);
    const next = { gold: gold && session.#checkGold(gold, operand[1]), options: model };
    const load = (edit: EditHandle, control: Control) =>
      addon.sessionLoad(session.#handle, edit, path, ...operand, metric, session.#threads, control);
    await session.#edit(next, undefined, load, options);
    return session;
  }

  #refit(next: Partial<Fit>): Promise<SessionChange> {
    return this.#edit(next, undefined, (edit, control) => this.#sendVotes(edit, [], control));
  }

  #enqueue<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(run);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #sendVotes(edit: EditHandle, lfs: readonly SessionLf[], control: Control): Call {
    const known = new Set(this.#fit === undefined ? [] : addon.sessionReport(this.#handle).lfs.map((lf) => lf.name));
    const rows = lfs[0]?.votes.length ?? 0;
    const columns = lfs.length === 1 ? lfs[0]!.votes : new Int8Array(lfs.length * rows);
    lfs.forEach(({ votes }, at) => {
      if (votes.length !== rows)
        throw rangeError(`${rows} votes (as in lfs[0])`, `lfs[${at}].votes`, `${votes.length}`);
      if (lfs.length > 1) columns.set(votes, at * rows);
    });
    const names = lfs.map((lf) => lf.name);
    if (new Set(names).size !== names.length) throw rangeError('names that differ', 'lfs', names.join(', '));
    const thresholds = Float64Array.from(
      lfs,
      (lf) => lf.threshold ?? (known.has(lf.name) ? Number.NaN : this.#threshold),
    );
    return addon.sessionSetVotes(this.#handle, edit, names, columns, thresholds, this.#threads, control);
  }

  /** Both halves of an edit with the fit between them. Nothing is altered before the second half has succeeded. */
  async #edit(
    next: Partial<Fit>,
    name: string | undefined,
    firstHalf: (edit: EditHandle, control: Control) => Call,
    { signal, onProgress }: AsyncOptions = {},
  ): Promise<SessionChange> {
    const start = performance.now();
    const edit = addon.newSessionEdit();
    await runJob({ signal, onProgress }, (control) => firstHalf(edit, control));
    const { gold, options } = { gold: this.#fit?.gold, options: this.#fit?.options ?? {}, ...next };
    const { lfs, counts } = addon.sessionEditCounts(edit);
    const model = await LabelModel.fitAsync(VoteCounts.of(lfs, this.classes, counts), {
      threads: this.#threads || undefined,
      ...(gold && { classBalance: { labels: gold.labels } }),
      ...options,
      signal,
    });
    await runJob({ signal }, (control) => addon.sessionCommit(this.#handle, edit, model.flat, this.#threads, control));
    const change = addon.sessionChange(edit);
    if (this.#fit !== undefined) this.#past.push(this.#fit);
    this.#past.splice(0, this.#past.length - change.undoable);
    this.#fit = { gold, options, model };
    return this.#describe(change, name, start);
  }

  #describe(change: NativeChange, name: string | undefined, start: number): SessionChange {
    const { labels, posteriors, coverage, lookedUp } = change;
    this.#rows = change.rows;
    const lf = name === undefined ? undefined : this.lf(name);
    return { labels, posteriors, coverage, ...(lf && { lf }), lookedUp, milliseconds: performance.now() - start };
  }

  #checkGold(gold: SessionGold, rows: number): Gold {
    if (typeof gold !== 'object' || gold === null || typeof gold.rows?.length !== 'number')
      throw typeError('{ rows, labels }', 'gold', gold);
    const places = Int32Array.from(gold.rows, (row, at) => checkInteger(row, `gold.rows[${at}]`, 0, rows - 1));
    const shape = { data: new Int8Array(0), rows: places.length, cols: 0, classes: this.classes };
    return { rows: places, labels: checkLabels(gold.labels, shape, 'gold.labels') };
  }

  #goldVotes() {
    const gold = this.#fit?.gold;
    return gold && { labels: gold.labels, votes: addon.sessionVotes(this.#handle, gold.rows) };
  }

  /** Number of rows. */
  get rows(): number {
    return this.#rows;
  }

  /** Names of the labelling functions, in column order. */
  get names(): readonly string[] {
    return addon.sessionReport(this.#handle).lfs.map((lf) => lf.name);
  }

  /** The fitted label model. */
  get model(): LabelModel {
    return this.#fit!.model;
  }

  /** A copy of the labels (-1/+1 or 1..K; 0: no evidence or a tie). */
  get labels(): Int8Array {
    return addon.sessionState(this.#handle).labels;
  }

  /** A copy of P(Y), shaped as `LabelModel.predictProba`. */
  get proba(): Float64Array {
    return addon.sessionState(this.#handle).proba;
  }

  /** A copy of the extended votes, n x m. */
  get votes(): VoteMatrix {
    const data = addon.sessionVotes(this.#handle, undefined);
    const shape = [this.rows, this.model.lfs] as const;
    return this.classes === 0 ? { data, shape } : { data, shape, classes: this.classes };
  }

  /** One labelling function as it stands, or undefined. */
  lf(name: string): LfStatistics | undefined {
    const { rows, lfs } = addon.sessionReport(this.#handle);
    const place = lfs.findIndex((lf) => lf.name === name);
    return place < 0 ? undefined : lfStatistics(lfs[place]!, place, rows, this.classes, this.model, this.#goldVotes());
  }

  /** Everything about the session as plain data. */
  report(): SessionReport {
    const { rows, covered, bytes, lfs } = addon.sessionReport(this.#handle);
    const { model, gold } = this.#fit!;
    const votes = this.#goldVotes();
    const predicted = votes && model.predict(withShape(votes.votes, gold!.rows.length, lfs.length, this.classes));
    const tally = { correct: 0, incorrect: 0, unlabelled: 0 };
    gold?.labels.forEach((label, at) => {
      if (label === 0) return;
      const found = predicted![at];
      tally[found === 0 ? 'unlabelled' : found === label ? 'correct' : 'incorrect']++;
    });
    return {
      rows,
      lfs: lfs.map((lf, place) => lfStatistics(lf, place, rows, this.classes, model, votes)),
      coverage: rows === 0 ? 0 : covered / rows,
      method: model.method,
      classBalance: model.classBalance,
      classBalanceSource: model.classBalanceSource,
      ...(gold && { gold: tally }),
      bytes,
    };
  }

  /** Why a row has its label: the prior and what each vote adds to it. @throws RangeError: no such row. */
  explain(row: number): Explanation {
    checkInteger(row, 'row', 0, this.rows - 1);
    return readExplanation(row, addon.sessionExplain(this.#handle, row));
  }

  /** Frees the native memory. A running edit finishes first; later calls throw a TypeError. */
  close(): void {
    addon.closeSession(this.#handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function withShape(data: Int8Array, rows: number, lfs: number, classes: number): VoteMatrix {
  return classes === 0 ? { data, shape: [rows, lfs] } : { data, shape: [rows, lfs], classes };
}

function checkThreshold(value: unknown, parameter: string): number {
  if (typeof value !== 'number' || Number.isNaN(value)) throw typeError('a number', parameter, value);
  return value;
}

function checkLf(lf: SessionLf, parameter: string): SessionLf {
  if (typeof lf !== 'object' || lf === null) throw typeError('{ name, votes }', parameter, lf);
  if (typeof lf.name !== 'string' || lf.name === '') throw typeError('a name', `${parameter}.name`, lf.name);
  checkTypedArray(lf.votes, Int8Array, `${parameter}.votes`);
  if (lf.threshold !== undefined) checkThreshold(lf.threshold, `${parameter}.threshold`);
  return lf;
}
