/** A row-major matrix of float32. `dims` is accepted instead of `shape`, so ONNX Runtime and transformers.js tensors go in as they are. */
export type FloatMatrix =
  | { readonly data: Float32Array; readonly shape: readonly [rows: number, cols: number] }
  | { readonly data: Float32Array; readonly dims: readonly number[] };

/**
 * Votes of m labelling functions on n rows, row-major: 0 = abstain; -1/+1 for a binary task, or 1..K with `classes: K`.
 */
export interface VoteMatrix {
  readonly data: Int8Array;
  readonly shape: readonly [rows: number, lfs: number];
  /** Number of classes K of a task whose votes are 1..K. Absent: a binary task with votes -1/+1. */
  readonly classes?: number | undefined;
}

/** Votes as they are taken: with `dims` instead of `shape` too, as int8 tensors have it. */
export type Votes =
  | VoteMatrix
  | { readonly data: Int8Array; readonly dims: readonly number[]; readonly classes?: number | undefined };

/** A float32 matrix as results come back: always with `shape`. */
export interface FloatResult {
  readonly data: Float32Array;
  readonly shape: readonly [rows: number, cols: number];
}

/** How two rows are compared: cosine and dot are similarities (higher is nearer), l2 is the true Euclidean distance. */
export type Metric = 'cosine' | 'dot' | 'l2';

/** Options every heavy call takes. */
export interface CallOptions {
  /** Threads for this call; default: `setThreads`, else the machine's. */
  readonly threads?: number | undefined;
}

/** Where heavy calls run: this processor, the first CUDA device, or that device where there is one. */
export type DeviceChoice = 'cpu' | 'cuda' | 'auto';

/** Options of the calls that a device can do. */
export interface SearchOptions extends CallOptions {
  /**
   * 'cuda' is an error where there is no usable device; 'auto' then takes the processor, and `devices()` says why. The
   * same bits either way (float32 matrices: the same bound). Default: the device of an EmbeddingSet among the arguments,
   * else 'cpu'.
   */
  readonly device?: DeviceChoice | undefined;
}

/** Options every `...Async` call takes on top. */
export interface AsyncOptions {
  /** Aborting rejects the promise with `signal.reason` within some milliseconds. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called with the fraction done, 0..1, at most every 50 ms while the job runs. What it throws stops the job and rejects the
   * promise.
   */
  readonly onProgress?: ((fraction: number) => void) | undefined;
  /** Copy the inputs before returning, so that the caller may change them while the job runs. Default false. */
  readonly copy?: boolean | undefined;
}
