// The table of all rows, as Markdown, and its places in the documentation.
import { readFileSync, writeFileSync } from 'node:fs';
import { machineLine } from './machine.mjs';
import { cells } from './report.mjs';

const HEADS = ['work', 'ISA', 'nearvote: median (range)', 'peer', 'ratio (range)', 'asked', 'floors', 'results'];

export function markdownTable(rows) {
  const line = (values) => `| ${values.join(' | ')} |`;
  const body = rows.map((row) => line(Object.values(cells(row))));
  return [line(HEADS), line(HEADS.map(() => '---')), ...body].join('\n');
}

/** Replaces what stands between the two marks of bench/README.md. `load`: the load average before the run. */
export function writeTable(rows, load) {
  const path = new URL('../README.md', import.meta.url);
  const [head, tail] = ['<!-- table -->\n', '<!-- /table -->\n'];
  const text = readFileSync(path, 'utf8');
  const [from, to] = [text.indexOf(head) + head.length, text.indexOf(tail)];
  const caption = `${new Date().toISOString().slice(0, 10)}, ${machineLine()}; load average before the run ${load.toFixed(1)}.`;
  writeFileSync(path, `${text.slice(0, from)}${caption}\n\n${markdownTable(rows)}\n${text.slice(to)}`);
}
