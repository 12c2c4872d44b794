// How a session is edited: one edit after the other, each in two native halves with a fit between them.
import { rangeError } from './check.js';
import { runJob } from './job.js';
import { LabelModel, type LabelModelOptions } from './label-model.js';
import { addon, type Call, type Control } from './native.js';
import type { SmoothingReport } from './posterior-choice.js';
import type { EditHandle, NativeChange, SessionHandle } from './session-native.js';
import { smoothEdit } from './session-posterior.js';
import type { SessionGoldRows, SessionLf } from './session-types.js';
import type { AsyncOptions, Metric } from './types.js';
import { VoteCounts } from './votes.js';

/** What a session is opened with and keeps. */
export interface SessionSettings {
  readonly metric: Metric;
  /** 0: binary votes -1/+1; else K. */
  readonly classes: number;
  readonly threads: number;
  /** Of labelling functions that name none. */
  readonly threshold: number;
  /** Undefined: 'posterior' as long as no labelling function reaches beyond its own votes. */
  readonly extension: 'votes' | 'posterior' | undefined;
  readonly k: number | undefined;
}

/** The part of the state that the native side does not hold. */
export interface SessionFit {
  readonly gold: SessionGoldRows | undefined;
  readonly options: LabelModelOptions;
  readonly model: LabelModel;
  /** Of extension 'posterior'. */
  readonly smoothing?: SmoothingReport | undefined;
}

/** An edit's result before it is described. */
export interface Edited {
  readonly change: NativeChange;
  readonly start: number;
}

export class SessionEditor {
  readonly handle: SessionHandle = addon.newSession();
  readonly settings: SessionSettings;
  #fit: SessionFit | undefined;
  readonly #past: SessionFit[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  constructor(settings: SessionSettings) {
    this.settings = settings;
  }

  /** @throws TypeError before the first edit. */
  get fit(): SessionFit {
    return this.#fit!;
  }

  get names(): readonly string[] {
    return this.#fit === undefined ? [] : addon.sessionNames(this.handle);
  }

  /** Runs after everything that was enqueued before. */
  enqueue<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(run);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /**
   * Both halves of an edit, with the fit between them unless `next` knows the model. Nothing is altered before the second
   * half has succeeded.
   */
  async edit(
    next: Partial<SessionFit>,
    firstHalf: (edit: EditHandle, control: Control) => Call,
    { signal, onProgress }: AsyncOptions = {},
  ): Promise<Edited> {
    const start = performance.now();
    const { classes, threads, k } = this.settings;
    const edit = addon.newSessionEdit();
    await runJob({ signal, onProgress }, (control) => firstHalf(edit, control));
    const { gold, options } = { gold: this.#fit?.gold, options: this.#fit?.options ?? {}, ...next };
    const { lfs, counts, rows, extends: reaches } = addon.sessionEditCounts(edit);
    const model =
      next.model ??
      (await LabelModel.fitAsync(VoteCounts.of(lfs, classes, counts), {
        threads: threads || undefined,
        ...(gold && { classBalance: { labels: gold.labels } }),
        ...options,
        signal,
      }));
    const extension = this.settings.extension ?? (reaches ? 'votes' : 'posterior');
    // Without labelling functions nothing is known that could travel.
    const smoothing =
      extension === 'posterior' && lfs > 0
        ? await smoothEdit({ session: this.handle, edit, model, gold, rows }, k, threads, { signal })
        : undefined;
    await runJob({ signal }, (control) => addon.sessionCommit(this.handle, edit, model.flat, threads, control));
    const change = addon.sessionChange(edit);
    if (this.#fit !== undefined) this.#past.push(this.#fit);
    this.#past.splice(0, this.#past.length - change.undoable);
    this.#fit = { gold, options, model, smoothing };
    return { change, start };
  }

  /** Only a new fit. */
  refit(next: Partial<SessionFit>): Promise<Edited> {
    return this.edit(next, (edit, control) => this.sendVotes(edit, [], control));
  }

  async undo(): Promise<Edited> {
    const start = performance.now();
    const edit = addon.newSessionEdit();
    await runJob({}, (control) => addon.sessionUndo(this.handle, edit, this.settings.threads, control));
    this.#fit = this.#past.pop();
    return { change: addon.sessionChange(edit), start };
  }

  /** Whether one of these new labelling functions reaches beyond its own votes. */
  extends(lfs: readonly SessionLf[]): boolean {
    const { metric, threshold } = this.settings;
    return lfs.some((lf) => {
      const reach = lf.threshold ?? threshold;
      return metric === 'l2' ? reach > 0 : reach < Infinity;
    });
  }

  /** The first half that sets votes. */
  sendVotes(edit: EditHandle, lfs: readonly SessionLf[], control: Control): Call {
    const known = new Set(this.names);
    const rows = lfs[0]?.votes.length ?? 0;
    const columns = lfs.length === 1 ? lfs[0]!.votes : new Int8Array(lfs.length * rows);
    lfs.forEach(({ votes }, at) => {
      if (votes.length !== rows)
        throw rangeError(`${rows} votes (as in lfs[0])`, `lfs[${at}].votes`, `${votes.length}`);
      if (lfs.length > 1) columns.set(votes, at * rows);
    });
    const names = lfs.map((lf) => lf.name);
    if (new Set(names).size !== names.length) throw rangeError('names that differ', 'lfs', names.join(', '));
    const { threshold, threads } = this.settings;
    const thresholds = Float64Array.from(lfs, (lf) => lf.threshold ?? (known.has(lf.name) ? Number.NaN : threshold));
    return addon.sessionSetVotes(this.handle, edit, names, columns, thresholds, threads, control);
  }

  /** The first half that appends rows, behind the copies that were made of them. */
  sendRows(
    edit: EditHandle,
    { data, shape }: { readonly data: Float32Array; readonly shape: readonly [number, number] },
    votes: ReadonlyMap<string, Int8Array>,
    control: Control,
  ): Call {
    const names = this.names;
    const unknown = Array.from(votes.keys()).find((name) => !names.includes(name));
    if (unknown !== undefined) throw rangeError('labelling functions of this session', 'votes', `'${unknown}'`);
    const columns = new Int8Array(names.length * shape[0]);
    names.forEach((name, j) => {
      columns.set(votes.get(name) ?? [], j * shape[0]);
    });
    const { threads } = this.settings;
    return addon.sessionAppendRows(this.handle, edit, data, ...shape, columns, names.length, threads, control);
  }
}
