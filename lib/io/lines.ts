// Text files line by line, without holding the file: what the .csv and .jsonl readers stand on.
import { createReadStream } from 'node:fs';

/**
 * The lines of a UTF-8 file in batches (one await per batch, not per line). Lines end with \n or \r\n; a byte order
 * mark is dropped. Only these end a line: U+2028 is legal inside a JSON string, and node:readline splits there.
 */
export async function* readLines(path: string): AsyncGenerator<string[]> {
  let rest = '';
  let first = true;
  for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 20 })) {
    const text = rest + (first ? (chunk as string).replace(/^\uFEFF/, '') : (chunk as string));
    first = false;
    const lines = text.split('\n');
    rest = lines.pop() ?? '';
    yield lines.map(withoutReturn);
  }
  if (rest !== '') yield [withoutReturn(rest)];
}

const withoutReturn = (line: string) => (line.endsWith('\r') ? line.slice(0, -1) : line);
