import os from 'node:os';
import { checkInteger } from './check.js';
import { addon } from './native.js';

/** Something that can do the heavy calls. */
export interface Device {
  readonly type: 'cpu';
  /** The processor's own name. */
  readonly name: string;
  /** Instruction set in use: the best one usable, or the one NEARVOTE_ISA names. */
  readonly isa: string;
  /** Instruction sets this machine could use, slowest first. */
  readonly isas: readonly string[];
  /** Threads a call uses unless it names a count. */
  readonly threads: number;
  /** Jobs (async calls) queued or running in this process. */
  readonly pendingJobs: number;
}

/** What heavy calls can run on, best first. */
export function devices(): Device[] {
  const { isa, isas, threads, pendingJobs } = addon.runtime();
  return [{ type: 'cpu', name: os.cpus()[0]?.model.trim() ?? process.arch, isa, isas, threads, pendingJobs }];
}

/**
 * Sets how many threads heavy calls of this process use unless they name a count themselves.
 *
 * @param count >= 1, or 0 for the default: the processors this process may use (affinity, cgroup quota, OMP_NUM_THREADS).
 * @throws TypeError, RangeError when it is no such integer.
 */
export function setThreads(count: number): void {
  addon.setThreads(checkInteger(count, 'threads', 0, 1024));
}
