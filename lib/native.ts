// Finds and loads the addon, and says what its functions take. Everything here is private to the facade.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** [cancel, progress in parts per thousand] on shared memory: given -> the call is a job and returns a promise. */
export type Control = Int32Array<SharedArrayBuffer> | undefined;
/** What a native call that may be a job returns. */
export type Call = Promise<undefined> | undefined;

declare const brand: unique symbol;
/** A native object held by JavaScript. */
export interface NativeHandle<Name extends string> {
  readonly [brand]: Name;
}

export interface RuntimeAddon {
  setThreads(count: number): void;
  runtime(): { threads: number; availableThreads: number; pendingJobs: number };
}

export type Addon = RuntimeAddon;

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

function load(): Addon {
  const nodeGypBuild = require('node-gyp-build') as { (dir: string): Addon; path(dir: string): string };
  // Idle OpenMP threads must sleep, not spin, in a server. The runtime reads this once, while it is loaded.
  const spinning = process.env.OMP_WAIT_POLICY === undefined;
  if (spinning) process.env.OMP_WAIT_POLICY = 'passive';
  try {
    return nodeGypBuild(root);
  } catch (cause) {
    throw new Error(
      `nearvote has no native addon for ${process.platform}-${process.arch} (looked in ${root}build/Release and ` +
        `${root}prebuilds/${process.platform}-${process.arch}). Build it with CMake and a C++20 compiler: ` +
        'npm explore nearvote -- npm install --include=dev. The cause: ' +
        (cause instanceof Error ? cause.message.split('\n')[0] : String(cause)),
      { cause },
    );
  } finally {
    if (spinning) delete process.env.OMP_WAIT_POLICY;
  }
}

export const addon: Addon = load();
