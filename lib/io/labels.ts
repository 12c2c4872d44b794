// The labels of n rows as a file: .csv, .jsonl or .npy.
import { extname } from 'node:path';
import { describe, rangeError } from '../check.js';
import { csvField } from './csv.js';
import { encodeNpy } from './npy.js';

/** How a row came to its votes; the index of a word is its code in .npy files. */
export const COVERAGE = ['uncovered', 'covered', 'extended'] as const;

export interface Labels {
  /** Row ids; default: the row's index from 0. */
  readonly ids?: readonly string[] | undefined;
  /** 0 = no label (no votes, or a tie). */
  readonly labels: Int8Array;
  /** P(label | votes); not a number where there is no label. */
  readonly probabilities: Float64Array;
  /** Index into COVERAGE: 1 = a rule voted on the row itself, 2 = votes came through neighbours only, 0 = none. */
  readonly coverage: Uint8Array;
}

/** Output formats by extension; checked before any work is done. */
export type LabelFormat = '.csv' | '.jsonl' | '.npy';

/** @throws RangeError for any other extension. */
export function labelFormat(path: string): LabelFormat {
  const extension = extname(path).toLowerCase();
  if (extension === '.csv' || extension === '.jsonl' || extension === '.npy') return extension;
  throw rangeError('a name that ends in .csv, .jsonl or .npy', 'the output file', describe(path));
}

/**
 * The file's content in chunks. .csv and .jsonl: id, label, probability, coverage; no label is 0, its probability empty
 * (null). .npy: float64, n x 4: row index, label, probability (NaN without a label), code of COVERAGE.
 */
export function* encodeLabels(format: LabelFormat, rows: Labels): Generator<string | Uint8Array> {
  const { labels } = rows;
  if (format === '.npy') {
    const data = new Float64Array(4 * labels.length);
    for (let i = 0; i < labels.length; i++) data.set([i, labels[i]!, rows.probabilities[i]!, rows.coverage[i]!], 4 * i);
    yield* encodeNpy(data, [labels.length, 4]);
    return;
  }
  const line = format === '.csv' ? csvLine : jsonLine;
  if (format === '.csv') yield 'id,label,probability,coverage\n';
  const BATCH = 10_000;
  for (let start = 0; start < labels.length; start += BATCH) {
    let text = '';
    for (let i = start; i < Math.min(labels.length, start + BATCH); i++) text += `${line(rows, i)}\n`;
    yield text;
  }
}

function csvLine({ ids, labels, probabilities, coverage }: Labels, i: number): string {
  const probability = labels[i] === 0 ? '' : probabilities[i];
  return `${ids ? csvField(ids[i]!) : i},${labels[i]},${probability},${COVERAGE[coverage[i]!]}`;
}

function jsonLine({ ids, labels, probabilities, coverage }: Labels, i: number): string {
  const probability = labels[i] === 0 ? null : probabilities[i];
  return JSON.stringify({ id: ids?.[i] ?? i, label: labels[i], probability, coverage: COVERAGE[coverage[i]!] });
}
