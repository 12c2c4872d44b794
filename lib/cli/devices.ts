import { devices } from '../index.js';
import type { Command } from './command.js';
import { parseOptions } from './options.js';
import { textTable } from './text-table.js';

/** `nearvote devices`: what heavy calls run on. */
export const command: Command = {
  help: `nearvote devices: what this machine computes with

One line per device, best first: the instruction set in use, all it could use, and the number of threads.
NEARVOTE_ISA forces one of the instruction sets, OMP_NUM_THREADS the number of threads; neither changes a result.
`,

  async run(args) {
    parseOptions(args, []);
    const rows = devices().map(({ type, name, isa, isas, threads }) => [
      type,
      name,
      isa,
      isas.join(' '),
      String(threads),
    ]);
    process.stdout.write(`${textTable(['device', 'name', 'in use', 'usable', 'threads'], rows)}\n`);
  },
};
