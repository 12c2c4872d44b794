import os from 'node:os';
import { checkInteger } from './check.js';
import { addon } from './native.js';

/** This processor. */
export interface CpuDevice {
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

/** A CUDA device that heavy calls can run on. */
export interface CudaDevice {
  readonly type: 'cuda';
  readonly available: true;
  readonly name: string;
  /** Compute capability, e.g. '9.0'. */
  readonly capability: string;
  readonly multiprocessors: number;
  /** Device memory in bytes. */
  readonly memory: { readonly total: number; readonly free: number };
  /** The CUDA version the driver supports, e.g. '13.0'. */
  readonly driver: string;
  /** What the backend library is. */
  readonly backend: string;
}

/** Why no CUDA device can be used here: `device: 'cuda'` is an error, 'auto' takes the processor. */
export interface NoCudaDevice {
  readonly type: 'cuda';
  readonly available: false;
  readonly reason: string;
}

/** Something that can do the heavy calls, or the reason why it cannot. */
export type Device = CpuDevice | CudaDevice | NoCudaDevice;

function cudaDevice(): CudaDevice | NoCudaDevice {
  const status = addon.cudaStatus();
  if (!status.available) return { type: 'cuda', ...status };
  const { backend, name, capability, multiprocessors, driver, memoryTotal, memoryFree } = status;
  return {
    type: 'cuda',
    available: true,
    name,
    capability: `${Math.floor(capability / 10)}.${capability % 10}`,
    multiprocessors,
    memory: { total: memoryTotal, free: memoryFree },
    driver: `${Math.floor(driver / 1000)}.${Math.floor((driver % 1000) / 10)}`,
    backend,
  };
}

/** What heavy calls can run on: this processor, and the first CUDA device or the reason why there is none. */
export function devices(): [CpuDevice, CudaDevice | NoCudaDevice] {
  const { isa, isas, threads, pendingJobs } = addon.runtime();
  const name = os.cpus()[0]?.model.trim() ?? process.arch;
  return [{ type: 'cpu', name, isa, isas, threads, pendingJobs }, cudaDevice()];
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
