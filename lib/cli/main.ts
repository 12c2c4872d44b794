#!/usr/bin/env node
// The command `nearvote`: picks the subcommand, turns Ctrl-C into an abort, and any error into one line and a non-zero
// exit.
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { rangeError } from '../check.js';
import type { Command } from './command.js';

const HELP = `nearvote: labels from noisy rules and embeddings

  nearvote label --votes votes.npy --embeddings emb.npy -o labels.csv    label every row
  nearvote analyze --votes votes.npy                                     what each rule does
  nearvote devices                                                       what this machine computes with

A rule (labelling function) votes on the rows it recognises and abstains on all others. \`label\` lends its votes
to rows that lie near in the embedding space, weighs the rules by how well they agree, and writes a label with
its probability for every row. \`nearvote <command> --help\` says more.
`;

// Loaded when chosen: help must work where the native addon does not load.
const COMMANDS: Record<string, () => Promise<{ command: Command }>> = {
  label: () => import('./label.js'),
  analyze: () => import('./analyze.js'),
  devices: () => import('./devices.js'),
};

/** The reason an abort carries when a signal asked for it. */
class Interrupted extends Error {
  readonly exitCode: number;
  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`stopped by ${signal}; nothing was written`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

/** Runs a command; Ctrl-C and SIGTERM abort its job and end the wait for it, whatever it is doing. */
function runUntilSignal(command: Command, args: string[]): Promise<void> {
  const controller = new AbortController();
  const stopped = new Promise<never>((_, reject) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.once(name, () => {
        const reason = new Interrupted(name);
        controller.abort(reason);
        reject(reason);
      });
    }
  });
  return Promise.race([command.run(args, controller.signal), stopped]);
}

async function main([name, ...args]: string[]): Promise<void> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(HELP);
    return;
  }
  if (name === '--version') {
    const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
    process.stdout.write(`${version}\n`);
    return;
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) throw rangeError(`one of ${Object.keys(COMMANDS).join(', ')}`, 'the command', `'${name}'`);
  const { command } = await load();
  if (args.includes('--help') || args.includes('-h')) process.stdout.write(command.help);
  else await runUntilSignal(command, args);
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of a pipe has had enough (`nearvote analyze | head`).
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    const text = error instanceof Error ? error.message : String(error);
    process.stderr.write(`nearvote: ${text.replaceAll(/\s*\n\s*/g, ' ')}\n`);
    process.exit(error instanceof Interrupted ? error.exitCode : 1);
  },
);
