// Numbers from a file, whatever its format: .npy, .csv (one column per labelling function or dimension) or .jsonl (one
// array per line).
import { extname } from 'node:path';
import { describe, rangeError, typeError } from '../check.js';
import { readCsv } from './csv.js';
import { readLines } from './lines.js';
import { type NpyData, readNpy } from './npy.js';

/** A row-major matrix read from a file, with the names it came with. */
export interface Table {
  readonly path: string;
  readonly data: NpyData;
  readonly shape: readonly [rows: number, cols: number];
  /** Column names: the header line of a .csv file. */
  readonly names?: readonly string[];
  /** Row ids: the column `id` of a .csv file, the key `id` of .jsonl objects. */
  readonly ids?: readonly string[];
}

/** What a file is read for: says which key of .jsonl objects holds the numbers. */
export type Content = 'votes' | 'embedding' | 'label' | 'threshold';

/**
 * Reads a matrix; a one-dimensional .npy array, or one number per .jsonl line, is one column.
 *
 * .csv: the first line is a header exactly when none of its cells is a number; it names every column. .jsonl: each line is an array of numbers
 * (or one number), or an object that holds it under `content`.
 *
 * @throws RangeError or TypeError naming the file, line and column of what is wrong.
 */
export async function readTable(path: string, content: Content): Promise<Table> {
  switch (extname(path).toLowerCase()) {
    case '.npy': {
      const { data, shape } = await readNpy(path);
      if (shape.length < 1 || shape.length > 2)
        throw rangeError('one or two dimensions', path, `[${shape.join(', ')}]`);
      return { path, data, shape: [shape[0]!, shape[1] ?? 1] };
    }
    case '.csv':
      return readCsvTable(path);
    case '.jsonl':
      return readJsonlTable(path, content);
    default:
      throw rangeError('a name that ends in .npy, .csv or .jsonl', 'the input file', describe(path));
  }
}

async function readCsvTable(path: string): Promise<Table> {
  const rows = new Rows(path);
  const ids: string[] = [];
  let header: readonly string[] | undefined;
  let idColumn = -1;
  for await (const records of readCsv(path)) {
    for (const { line, fields } of records) {
      if (header === undefined && rows.count === 0 && !fields.some(isNumber)) {
        header = fields;
        const unnamed = fields.findIndex((name) => name.trim() === '');
        if (unnamed >= 0)
          throw rangeError("a name ('id' for row ids)", `line ${line}, column ${unnamed + 1} of ${path}`, 'none');
        idColumn = fields.findIndex((name) => name.trim().toLowerCase() === 'id');
        continue;
      }
      const values: number[] = [];
      for (const [column, field] of fields.entries()) {
        if (column === idColumn) ids.push(field);
        else if (isNumber(field)) values.push(Number(field));
        else {
          const name = header === undefined ? '' : ` (${describe(header[column])})`;
          throw typeError('a number', `line ${line}, column ${column + 1}${name} of ${path}`, field);
        }
      }
      rows.add(values, line);
    }
  }
  return rows.table({
    ...(header && { names: header.filter((_, column) => column !== idColumn) }),
    ...(idColumn >= 0 && { ids }),
  });
}

async function readJsonlTable(path: string, content: Content): Promise<Table> {
  const rows = new Rows(path);
  const ids: string[] = [];
  let number = 0;
  let blank = 0;
  for await (const lines of readLines(path)) {
    for (const line of lines) {
      number++;
      if (line.trim() === '') {
        blank ||= number;
        continue;
      }
      if (blank > 0) throw rangeError('a JSON value', `line ${blank} of ${path}`, 'a blank line');
      const place = `line ${number} of ${path}`;
      const row = parseJson(line, place);
      const isObject = typeof row === 'object' && row !== null && !Array.isArray(row);
      const found: unknown = isObject ? (row as Record<string, unknown>)[content] : row;
      const values: unknown = typeof found === 'number' ? [found] : found;
      if (!Array.isArray(values))
        throw typeError(`an array of numbers${isObject ? ` under "${content}"` : ''}`, place, row);
      const wrong = values.findIndex((value) => typeof value !== 'number');
      if (wrong >= 0) throw typeError('a number', `${place}, position ${wrong + 1}`, values[wrong]);
      if (isObject && 'id' in row) ids.push(String(row.id));
      rows.add(values as number[], number);
    }
  }
  if (ids.length > 0 && ids.length !== rows.count) {
    throw rangeError('an id in every line or in none', path, `${ids.length} ids for ${rows.count} rows`);
  }
  return rows.table(ids.length > 0 ? { ids } : {});
}

function parseJson(line: string, place: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw typeError('a JSON value', place, line);
  }
}

const isNumber = (field: string) => field.trim() !== '' && Number.isFinite(Number(field));

/** Rows of equal length, collected into one growing float32 array. */
class Rows {
  count = 0;
  #width = 0;
  #data = new Float32Array(1024);

  constructor(readonly path: string) {}

  add(values: readonly number[], line: number): void {
    if (this.count === 0) this.#width = values.length;
    if (values.length !== this.#width) {
      throw rangeError(
        `${this.#width} numbers, as in the first row`,
        `line ${line} of ${this.path}`,
        String(values.length),
      );
    }
    const start = this.count * this.#width;
    if (start + this.#width > this.#data.length) {
      const grown = new Float32Array(Math.max(2 * this.#data.length, start + this.#width));
      grown.set(this.#data);
      this.#data = grown;
    }
    this.#data.set(values, start);
    this.count++;
  }

  table(extra: Pick<Table, 'names' | 'ids'>): Table {
    const data = this.#data.slice(0, this.count * this.#width);
    return { path: this.path, data, shape: [this.count, this.#width], ...extra };
  }
}
