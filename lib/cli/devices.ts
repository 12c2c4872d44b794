import { devices } from '../index.js';
import type { Command } from './command.js';
import { parseOptions } from './options.js';
import { textTable } from './text-table.js';

/** `nearvote devices`: what heavy calls run on. */
export const command: Command = {
  help: `nearvote devices: what this machine computes with

One line per device: the instruction set in use, all it could use, and the number of threads; or why there is no GPU.
NEARVOTE_ISA forces one of the instruction sets, OMP_NUM_THREADS the number of threads; neither changes a result.
`,

  async run(args) {
    parseOptions(args, []);
    const [cpu, cuda] = devices();
    const rows = [[cpu.type, cpu.name, cpu.isa, cpu.isas.join(' '), String(cpu.threads)]];
    if (cuda.available) {
      const driver = `driver for CUDA ${cuda.driver}`;
      rows.push([cuda.type, cuda.name, `compute capability ${cuda.capability}`, driver, '-']);
    }
    const table = textTable(['device', 'name', 'in use', 'usable', 'threads'], rows);
    process.stdout.write(`${table}\n${cuda.available ? '' : `\nNo CUDA device: ${cuda.reason}.\n`}`);
  },
};
