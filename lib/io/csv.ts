// Comma-separated values, RFC 4180: quoted fields, doubled quotes, line breaks inside quotes, \n or \r\n. Every record
// must have as many fields as the first. Blank lines may only end the file.
import { rangeError } from '../check.js';
import { readLines } from './lines.js';

export interface CsvRecord {
  /** 1-based number of the record's first line. */
  readonly line: number;
  readonly fields: readonly string[];
}

/**
 * The records of a file, in batches.
 *
 * @throws RangeError naming the line: a record of another length than the first, a stray or unclosed quote, a blank
 *   line.
 */
export async function* readCsv(path: string): AsyncGenerator<CsvRecord[]> {
  let number = 0;
  let width = 0;
  let blank = 0;
  let open: { text: string; line: number } | undefined;
  for await (const lines of readLines(path)) {
    const records: CsvRecord[] = [];
    for (const line of lines) {
      number++;
      const text = open === undefined ? line : `${open.text}\n${line}`;
      const start: number = open?.line ?? number;
      // A record goes on as long as a quote is open, that is, as long as it holds an odd number of quotes.
      if (text.includes('"') && text.split('"').length % 2 === 0) {
        open = { text, line: start };
        continue;
      }
      open = undefined;
      if (text === '') {
        blank ||= start;
        continue;
      }
      if (blank > 0) throw rangeError('a record', `line ${blank} of ${path}`, 'a blank line');
      const fields = splitFields(text, `line ${start} of ${path}`);
      width ||= fields.length;
      if (fields.length !== width) {
        throw rangeError(`${width} fields, as in the first line`, `line ${start} of ${path}`, String(fields.length));
      }
      records.push({ line: start, fields });
    }
    yield records;
  }
  if (open !== undefined) throw rangeError('a closing quote', `line ${open.line} of ${path}`, 'the end of the file');
}

/** One field as a file holds it: in quotes where it needs them. */
export function csvField(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

function splitFields(text: string, place: string): string[] {
  if (!text.includes('"')) return text.split(',');
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (let last = ','; last === ','; ) {
    const match = field.exec(text);
    if (match === null) throw rangeError('quotes around a whole field', place, JSON.stringify(text.slice(0, 60)));
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    last = match[3] ?? '';
  }
  return fields;
}
