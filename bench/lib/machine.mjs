// What a figure was measured on.
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import { devices, setThreads } from '../../dist/index.js';

/** Threads for both sides of every comparison: BENCH_THREADS, or what nearvote would take. */
export const threads = Number(process.env.BENCH_THREADS ?? devices()[0].threads);
setThreads(threads);

/** The instruction set in use: the best one, or the one NEARVOTE_ISA names. */
export const { isa } = devices()[0];

function revision() {
  try {
    const git = (...args) => execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim();
    return git('rev-parse', '--short', 'HEAD');
  } catch {
    return 'no checkout';
  }
}

export const machine = {
  cpu: os.cpus()[0]?.model.trim() ?? process.arch,
  cores: os.availableParallelism(),
  memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
  isa,
  threads,
  node: process.version,
  revision: revision(),
};

export const machineLine = () =>
  `${machine.cpu}, ${machine.cores} cores, ${machine.memory}; ISA ${isa}, ${threads} threads; Node ${machine.node}; nearvote ${machine.revision}`;
