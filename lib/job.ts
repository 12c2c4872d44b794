// The JavaScript half of an async call: abort signal and progress over two shared integers.

import { checkOptions, typeError } from './check.js';
import { addon, type Call, type Control } from './native.js';
import type { AsyncOptions } from './types.js';

const PROGRESS_INTERVAL_MS = 50;

/**
 * Runs a native call as a job. `start` gets the control cells and returns the native promise; the stack of the caller is
 * kept in the error. Aborting rejects with `signal.reason`, before, during or after the start; an exception of `onProgress`
 * stops the job and rejects with itself.
 */
export async function runJob(
  options: AsyncOptions,
  start: (control: Control) => Promise<undefined> | undefined,
): Promise<void> {
  const { signal, onProgress } = checkOptions(options);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw typeError('an AbortSignal', 'signal', signal);
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw typeError('a function', 'onProgress', onProgress);
  signal?.throwIfAborted();
  const control = new Int32Array(new SharedArrayBuffer(8));
  const abort = () => {
    Atomics.store(control, 0, 1);
    addon.withdrawJob(control);
  };
  const caller = new Error();
  signal?.addEventListener('abort', abort, { once: true });
  let timer: NodeJS.Timeout | undefined;
  let failure: { readonly error: unknown } | undefined;
  if (onProgress) {
    let last = -1;
    timer = setInterval(() => {
      const permille = Atomics.load(control, 1);
      if (permille <= last) return; // threads report in any order
      last = permille;
      try {
        onProgress(permille / 1000);
      } catch (error) {
        failure = { error };
        clearInterval(timer);
        abort();
      }
    }, PROGRESS_INTERVAL_MS);
    timer.unref();
  }
  try {
    await start(control);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (failure) throw failure.error;
    if (error instanceof Error)
      error.stack = `${error.name}: ${error.message}\n${caller.stack?.split('\n').slice(1).join('\n')}`;
    throw error;
  } finally {
    if (timer) clearInterval(timer);
    signal?.removeEventListener('abort', abort);
  }
  signal?.throwIfAborted();
  if (failure) throw failure.error;
  onProgress?.(1);
}

/** The options of a call for one of several jobs it runs in turn: its progress goes from `begin` to `end`. */
export function partOf(options: AsyncOptions, begin: number, end: number): AsyncOptions {
  const { onProgress } = options;
  if (typeof onProgress !== 'function') return options;
  return { ...options, onProgress: (progress) => onProgress(begin + (end - begin) * progress) };
}

/** How a constructor gets its native part made: `fill` runs now (`atOnce`) or as a job (`createAsync`). */
export type Schedule = (fill: (control: Control, copy: boolean) => Call) => void;

export const atOnce: Schedule = (fill) => void fill(undefined, false);

/** Constructs with `make`, its heavy part as a job; resolves to the finished object. */
export async function createAsync<T>(options: AsyncOptions, make: (schedule: Schedule) => T): Promise<T> {
  let filled: Promise<void> | undefined;
  checkOptions(options);
  const made = make((fill) => {
    filled = runJob(options, (control) => fill(control, options.copy === true));
  });
  await filled;
  return made;
}
