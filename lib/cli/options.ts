// The options the subcommands share, read from the command line with node:util's parseArgs.
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { parseArgs } from 'node:util';
import { checkInteger, checkOneOf, describe, rangeError, typeError } from '../check.js';
import type { VoteEncoding } from '../index.js';

/**
 * Parses `--name value` options (`-o value` for `output`) and flags without a value; anything unknown, and any value without
 * a name, is an error.
 */
export function parseOptions<Name extends string, Flag extends string = never>(
  args: string[],
  names: readonly Name[],
  flags: readonly Flag[] = [],
): { [name in Name]?: string } & { [name in Flag]?: boolean } {
  const options = Object.fromEntries([
    ...names.map((name) => [name, { type: 'string', ...(name === 'output' && { short: 'o' }) } as const] as const),
    ...flags.map((name) => [name, { type: 'boolean' } as const] as const),
  ]);
  const { values } = parseArgs({ args, options, strict: true, allowPositionals: false });
  return values as { [name in Name]?: string } & { [name in Flag]?: boolean };
}

/** The value of an option that must be there. */
export function required(value: string | undefined, option: string, what: string): string {
  if (value === undefined) throw rangeError(what, option, 'nothing');
  return value;
}

/** `--encoding signed | snorkel` */
export function encodingOption(value: string | undefined): VoteEncoding | undefined {
  return value === undefined ? undefined : checkOneOf(value, ['signed', 'snorkel'] as const, '--encoding');
}

/** `--classes K` */
export function classesOption(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d+$/.test(value)) throw rangeError('an integer in [2, 127]', '--classes', describe(value));
  return checkInteger(Number(value), '--classes', 2, 127);
}

/** `--thresholds auto | 0.85 | t.json` (a number, or an array with one number per labelling function). */
export async function thresholdsOption(value: string): Promise<'auto' | number | number[]> {
  if (value === 'auto') return 'auto';
  if (extname(value).toLowerCase() !== '.json') {
    const number = Number(value);
    if (value.trim() !== '' && !Number.isNaN(number)) return number;
    throw rangeError('auto, a number or a .json file', '--thresholds', describe(value));
  }
  const text = await readFile(value, 'utf8');
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw typeError('JSON', value, text);
  }
  const numbers: unknown[] = Array.isArray(content) ? content : [content];
  const wrong = numbers.find((entry) => typeof entry !== 'number');
  if (wrong !== undefined) throw typeError('a number or an array of numbers', value, wrong);
  return typeof content === 'number' ? content : (numbers as number[]);
}
