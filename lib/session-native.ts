// What the native side of a session takes and gives (native/node/session.cpp).
import type { Call, Control, GraphHandle, NativeHandle, NativeOperand } from './native.js';
import type { Metric } from './types.js';

export type SessionHandle = NativeHandle<'Session'>;
/** One edit on its way: counted by the first half, committed by the second. */
export type EditHandle = NativeHandle<'SessionEdit'>;

export interface NativeChange {
  readonly labels: Int32Array;
  readonly posteriors: Int32Array;
  readonly coverage: Int32Array;
  readonly lookedUp: number;
  readonly rows: number;
  readonly undoable: number;
}

export interface NativeLf {
  readonly name: string;
  readonly threshold: number;
  /** Per class: rows voted on, before and after extension. */
  readonly direct: readonly number[];
  readonly extended: readonly number[];
  readonly overlaps: number;
  readonly conflicts: number;
}

export interface NativeExplanation {
  /** 0 sum of logs, 1 shares of votes, 2 product. */
  readonly combine: number;
  readonly start: readonly number[];
  readonly evidence: readonly {
    readonly lf: string;
    readonly vote: number;
    /** A row; -1: direct vote; -2: abstains. */
    readonly neighbor: number;
    readonly score: number;
    readonly weights: readonly number[];
  }[];
  /** What prior and evidence give; the posterior, unless it is smoothed. */
  readonly own: readonly number[];
  readonly posterior: readonly number[];
  readonly label: number;
  /** Of smoothed posteriors, else empty: the neighbours that count, nearest first, and the mean state. */
  readonly neighbors: readonly { readonly row: number; readonly weight: number; readonly state: readonly number[] }[];
  readonly mean: readonly number[];
}

/** An edit after its first half. */
export interface NativeCounts {
  readonly lfs: number;
  /** What the label model is fitted to. */
  readonly counts: Float64Array;
  readonly rows: number;
  /** Some labelling function reaches beyond its own votes. */
  readonly extends: boolean;
}

export interface SessionAddon {
  newSession(): SessionHandle;
  newSessionEdit(): EditHandle;
  fillSession(
    session: SessionHandle,
    ...args: [...NativeOperand, metric: Metric, classes: number, neighbors: number, threads: number, control: Control]
  ): Call;
  sessionSetVotes(
    session: SessionHandle,
    edit: EditHandle,
    names: readonly string[],
    columns: Int8Array,
    thresholds: Float64Array,
    threads: number,
    control: Control,
  ): Call;
  sessionSetThreshold(
    session: SessionHandle,
    edit: EditHandle,
    name: string,
    threshold: number,
    threads: number,
    control: Control,
  ): Call;
  sessionRemoveLf(session: SessionHandle, edit: EditHandle, name: string, control: Control): Call;
  sessionAppendRows(
    session: SessionHandle,
    edit: EditHandle,
    rows: Float32Array,
    count: number,
    dims: number,
    columns: Int8Array,
    lfs: number,
    threads: number,
    control: Control,
  ): Call;
  sessionEditCounts(edit: EditHandle): NativeCounts;
  /** Fills the graph that the edit's posteriors are smoothed on. goldLabels: class indices, -1: unknown. */
  sessionGraph(
    session: SessionHandle,
    edit: EditHandle,
    graph: GraphHandle,
    model: Float64Array,
    goldRows: Int32Array,
    goldLabels: Int32Array,
    k: number,
    threads: number,
    control: Control,
  ): Call;
  /** Leaves the posteriors in the edit. rounds 0: the rows' own posteriors alone. */
  sessionSmooth(
    edit: EditHandle,
    graph: GraphHandle,
    ownWeight: number,
    goldWeight: number,
    rounds: number,
    threads: number,
    control: Control,
  ): Call;
  sessionCommit(session: SessionHandle, edit: EditHandle, model: Float64Array, threads: number, control: Control): Call;
  sessionUndo(session: SessionHandle, edit: EditHandle, threads: number, control: Control): Call;
  sessionSave(session: SessionHandle, path: string, notes: string, threads: number, control: Control): Call;
  sessionFile(path: string): { metric: Metric; classes: number; notes: string };
  sessionLoad(
    session: SessionHandle,
    edit: EditHandle,
    path: string,
    ...args: [...NativeOperand, metric: Metric, threads: number, control: Control]
  ): Call;
  sessionChange(edit: EditHandle): NativeChange;
  sessionState(session: SessionHandle): { labels: Int8Array; proba: Float64Array };
  sessionLabels(session: SessionHandle, rows: Int32Array): Int8Array;
  sessionVotes(session: SessionHandle, rows: Int32Array | undefined): Int8Array;
  sessionNames(session: SessionHandle): readonly string[];
  /** place: of one labelling function, -1: all. */
  sessionReport(
    session: SessionHandle,
    place: number,
  ): {
    rows: number;
    covered: number;
    bytes: number;
    lfs: readonly NativeLf[];
  };
  sessionExplain(session: SessionHandle, row: number): NativeExplanation;
  sessionNextToLabel(session: SessionHandle, labelled: Int32Array, count: number, threads: number): Int32Array;
  sessionConflicts(
    session: SessionHandle,
    accuracies: Float64Array,
    count: number,
    examples: number,
  ): readonly {
    readonly a: string;
    readonly b: string;
    readonly overlap: number;
    readonly disagree: number;
    readonly expected: number;
    readonly rows: Int32Array;
  }[];
  sessionUncovered(
    session: SessionHandle,
    count: number,
    examples: number,
  ): readonly { readonly row: number; readonly size: number; readonly rows: Int32Array }[];
  closeSession(session: SessionHandle): void;
}
