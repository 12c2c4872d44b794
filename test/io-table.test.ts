// Tables from .csv and .jsonl, vote encodings, labels to files.
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writeFileAtomic } from '../lib/io/atomic.js';
import { csvField, readCsv } from '../lib/io/csv.js';
import { votesEncoding } from '../lib/io/encoding.js';
import { encodeLabels, type LabelFormat } from '../lib/io/labels.js';
import { readNpy } from '../lib/io/npy.js';
import { type Content, readTable } from '../lib/io/table.js';

const folder = mkdtempSync(join(tmpdir(), 'nearvote-io-'));
afterAll(() => rmSync(folder, { recursive: true }));

const write = (name: string, content: string) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const table = (name: string, content: string, kind: Content = 'votes') => readTable(write(name, content), kind);
async function records(content: string): Promise<(readonly string[])[]> {
  const found: (readonly string[])[] = [];
  for await (const batch of readCsv(write('r.csv', content))) found.push(...batch.map(({ fields }) => fields));
  return found;
}

describe('readCsv', () => {
  it.each([
    [
      'plain',
      'a,b\nc,d\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'without a last line break',
      'a,b\nc,d',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'with \\r\\n and a byte order mark',
      '\uFEFFa,b\r\nc,d\r\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['quoted commas', '"a,b",c\n', [['a,b', 'c']]],
    ['doubled quotes', '"say ""hi""",c\n', [['say "hi"', 'c']]],
    [
      'line breaks in quotes',
      '"two\n\nlines",c\nd,e\n',
      [
        ['two\n\nlines', 'c'],
        ['d', 'e'],
      ],
    ],
    [
      'empty fields',
      ',""\n"",\n',
      [
        ['', ''],
        ['', ''],
      ],
    ],
    ['blank lines at the end', 'a\nb\n\n\n', [['a'], ['b']]],
    ['nothing', '', []],
  ])('reads %s', async (_, content, expected) => {
    expect(await records(content)).toEqual(expected);
  });

  it('reads records across chunk borders', async () => {
    const row = `"${'x'.repeat(700_000)}\n",2`;
    expect((await records(`${row}\n${row}\n${row}\n`)).map((fields) => fields.length)).toEqual([2, 2, 2]);
  });

  it.each([
    ['ragged rows', 'a,b\nc\n', /2 fields, as in the first line.*line 2 of .*received 1$/],
    ['a ragged row after a quoted line break', '"a\n",b\nc,d,e\n', /line 3 of .*received 3$/],
    ['an open quote', 'a,b\n"c,d\n', /closing quote.*line 2/],
    ['a quote inside a field', 'a"b",c\n', /quotes around a whole field.*line 1/],
    ['a blank line', 'a\n\nb\n', /record.*line 2 of .*blank line/],
  ])('explains %s', async (_, content, message) => {
    await expect(records(content)).rejects.toThrow(message);
  });

  it('quotes fields that need it', () => {
    expect(['a', 'a,b', 'say "hi"', 'two\nlines'].map(csvField)).toEqual([
      'a',
      '"a,b"',
      '"say ""hi"""',
      '"two\nlines"',
    ]);
  });
});

describe('readTable', () => {
  it('reads a .csv with a header and ids', async () => {
    expect(await table('v.csv', 'id,short,"has, url"\nx1,0,-1\nx2,1,0\n')).toMatchObject({
      data: Float32Array.of(0, -1, 1, 0),
      shape: [2, 2],
      names: ['short', 'has, url'],
      ids: ['x1', 'x2'],
    });
  });

  it('reads a .csv without a header', async () => {
    const read = await table('n.csv', '0,-1\n1, 0\n');
    expect(read).toMatchObject({ data: Float32Array.of(0, -1, 1, 0), shape: [2, 2] });
    expect(read.names).toBeUndefined();
  });

  it('reads .jsonl arrays, objects and numbers', async () => {
    const data = Float32Array.of(0.5, -1, 2, 0);
    expect(await table('a.jsonl', '[0.5,-1]\n[2,0]\n', 'embedding')).toMatchObject({ data, shape: [2, 2] });
    const objects = '{"id":7,"text":"a\u2028b","embedding":[0.5,-1]}\n{"id":"b","embedding":[2,0]}\n';
    expect(await table('o.jsonl', objects, 'embedding')).toMatchObject({ data, shape: [2, 2], ids: ['7', 'b'] });
    expect(await table('l.jsonl', '{"label":1}\n{"label":-1}', 'label')).toMatchObject({ shape: [2, 1] });
    expect(await table('s.jsonl', '1\n-1\n0\n', 'label')).toMatchObject({ data: Float32Array.of(1, -1, 0) });
  });

  it('reads more rows than its first buffer holds', async () => {
    const rows = Array.from({ length: 5000 }, (_, i) => `${i},${-i}`).join('\n');
    const { data, shape } = await table('long.csv', rows);
    expect(shape).toEqual([5000, 2]);
    expect(data.subarray(-2)).toEqual(Float32Array.of(4999, -4999));
  });

  it.each([
    ['e1.csv', '0,1\n1,x\n', /number.*line 2, column 2 of .*"x"/],
    ['e2.csv', 'id,short,url\na,1,\n', /number.*line 2, column 3 \("url"\) of .*""/],
    ['e3.csv', '0,lf\n0,1\n', /number.*line 1, column 2 of .*"lf"/],
    ['e4.csv', '0,1\n1,nan\n', /number.*line 2, column 2/],
    ['e1.jsonl', '[1,2]\n[1]\n', /2 numbers, as in the first row.*line 2 .*received 1$/],
    ['e2.jsonl', '[1,null]\n', /number.*line 1 .*position 2.*null/],
    ['e3.jsonl', '[1\n', /JSON value.*line 1/],
    ['e4.jsonl', '{"vote":[1]}\n', /array of numbers under "votes".*line 1 .*keys \{vote\}/],
    ['e5.jsonl', '[1]\n\n[1]\n', /line 2 .*blank line/],
    ['e6.jsonl', '{"id":1,"votes":[1]}\n[1]\n', /id in every line.*1 ids for 2 rows/],
    ['e.txt', '1', /ends in \.npy, \.csv or \.jsonl.*e\.txt/],
  ])('explains %s', async (name, content, message) => {
    await expect(table(name, content)).rejects.toThrow(message);
  });

  it('refuses arrays of three dimensions', async () => {
    const path = write('cube.npy', '');
    const header = "{'descr': '|i1', 'fortran_order': False, 'shape': (1, 1, 1), }".padEnd(117);
    writeFileSync(path, Buffer.from(`\x93NUMPY\x01\x00\x76\x00${header}\n\x01`, 'latin1'));
    await expect(readTable(path, 'votes')).rejects.toThrow(/one or two dimensions.*\[1, 1, 1\]/);
  });
});

describe('votesEncoding', () => {
  const votes = (...data: number[]) => ({
    path: 'v.npy',
    data: Int8Array.from(data),
    shape: [data.length, 1] as const,
  });

  it('reads signed votes and classes from 1 on', () => {
    expect(votesEncoding(votes(-1, 0, 0, 1), undefined)).toBe('signed');
    expect(votesEncoding(votes(0, 1, 2, 3), undefined)).toBe('signed');
    expect(votesEncoding(votes(0, 0, -1), undefined)).toBe('signed');
  });

  it.each([
    [[-1, 1], /-1 and without 0/],
    [[-1, 0, 2], /from -1 to 2/],
    [[-1, -1, 0, 1], /more -1 \(2\) than 0 \(1\)/],
    [[0, 1, 0], /nothing but 0 and 1/],
  ])('asks about %j', (data, message) => {
    expect(() => votesEncoding(votes(...data), undefined)).toThrow(message);
    expect(() => votesEncoding(votes(...data), undefined)).toThrow(
      /--encoding signed .* or --encoding snorkel .*v\.npy/,
    );
    expect(votesEncoding(votes(...data), 'snorkel')).toBe('snorkel');
    expect(votesEncoding(votes(...data), 'signed')).toBe('signed');
  });
});

describe('writeFileAtomic', () => {
  const content = (path: string) => readFileSync(path, 'utf8');

  it('replaces a file whole and leaves nothing beside it', async () => {
    const dir = mkdtempSync(join(folder, 'w-'));
    await writeFileAtomic(join(dir, 'a.txt'), ['old']);
    await writeFileAtomic(join(dir, 'a.txt'), ['n', Buffer.from('e'), 'w']);
    expect(content(join(dir, 'a.txt'))).toBe('new');
    expect(readdirSync(dir)).toEqual(['a.txt']);
  });

  it('keeps the old file when the content fails or the signal aborts', async () => {
    const dir = mkdtempSync(join(folder, 'w-'));
    const path = join(dir, 'a.txt');
    await writeFileAtomic(path, ['old']);
    const abort = new AbortController();
    function* failing() {
      yield 'half';
      throw new Error('no more');
    }
    function* aborting() {
      yield 'half';
      abort.abort(new Error('stopped'));
      yield 'rest';
    }
    await expect(writeFileAtomic(path, failing())).rejects.toThrow('no more');
    await expect(writeFileAtomic(path, aborting(), { signal: abort.signal })).rejects.toThrow('stopped');
    expect(content(path)).toBe('old');
    expect(readdirSync(dir)).toEqual(['a.txt']);
  });

  it.skipIf(process.platform === 'win32')('replaces what a symbolic link leads to, and leaves the link', async () => {
    const dir = mkdtempSync(join(folder, 'w-'));
    const [path, link] = [join(dir, 'a.txt'), join(dir, 'link.txt')];
    await writeFileAtomic(path, ['old']);
    symlinkSync(path, link);
    await writeFileAtomic(link, ['new']);
    expect(content(path)).toBe('new');
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });

  it('refuses what is no regular file', async () => {
    await expect(writeFileAtomic(folder, ['x'])).rejects.toThrow(/regular file/);
    await expect(writeFileAtomic(join(folder, 'no', 'where.txt'), ['x'])).rejects.toThrow(/ENOENT/);
  });
});

describe('encodeLabels', () => {
  const rows = {
    labels: Int8Array.of(1, 0, -1),
    probabilities: Float64Array.of(0.75, NaN, 0.9),
    coverage: Uint8Array.of(1, 0, 2),
  };
  const text = (format: LabelFormat, ids?: string[]) => [...encodeLabels(format, { ...rows, ids })].join('');

  it('writes .csv', () => {
    expect(text('.csv')).toBe('id,label,probability,coverage\n0,1,0.75,covered\n1,0,,uncovered\n2,-1,0.9,extended\n');
    expect(text('.csv', ['a', 'b,c', 'd'])).toContain('\n"b,c",0,,uncovered\n');
  });

  it('writes .jsonl', () => {
    const lines = text('.jsonl', ['a', 'b', 'c']).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { id: 'a', label: 1, probability: 0.75, coverage: 'covered' },
      { id: 'b', label: 0, probability: null, coverage: 'uncovered' },
      { id: 'c', label: -1, probability: 0.9, coverage: 'extended' },
    ]);
  });

  it('writes .npy', async () => {
    const path = join(folder, 'labels.npy');
    await writeFileAtomic(path, encodeLabels('.npy', rows));
    expect(await readNpy(path)).toEqual({
      data: Float64Array.of(0, 1, 0.75, 1, 1, 0, NaN, 0, 2, -1, 0.9, 2),
      shape: [3, 4],
    });
  });
});
