// The command line as users see it: the compiled program in a process of its own.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeNpy, readNpy } from '../lib/io/npy.js';

const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'nearvote-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

const nearvote = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { cwd: folder, encoding: 'utf8' });
const write = (name: string, content: string | Uint8Array[]) => {
  writeFileSync(join(folder, name), typeof content === 'string' ? content : Buffer.concat(content));
  return name;
};
const read = (name: string) => readFileSync(join(folder, name), 'utf8');

// Two groups of directions and one row far from both. Rows 1 and 3 have no votes but lie near rows 0 and 2.
const embeddings = [1, 0, 0.99, 0.1, 0, 1, 0.1, 0.99, -1, -1, 1, 0.05];
const signed = [
  [1, 0, 0],
  [0, 0, 0],
  [0, -1, -1],
  [0, 0, 0],
  [0, 0, 0],
  [1, 0, 1],
];
const snorkel = signed.map((row) => row.map((vote) => (vote === 0 ? -1 : vote === -1 ? 0 : 1)));
const lines = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
write('emb.npy', encodeNpy(Float32Array.from(embeddings), [6, 2]));
write('votes.npy', encodeNpy(Int8Array.from(signed.flat()), [6, 3]));
write('votes.csv', `id,a,b,c\n${signed.map((row, i) => `r${i},${row.join(',')}\n`).join('')}`);
write('snorkel.jsonl', lines(snorkel));
const labels = [1, 1, -1, -1, 0, 1];
const coverage = ['covered', 'extended', 'covered', 'extended', 'uncovered', 'covered'];

const label = (votes: string, output: string, ...more: string[]) =>
  nearvote('label', '--votes', votes, '--embeddings', 'emb.npy', '--thresholds', '0.9', '-o', output, ...more);

describe('nearvote label', () => {
  it('writes .csv with ids', () => {
    const { status, stdout, stderr } = label('votes.csv', 'labels.csv');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(
      /^labels\.csv: 6 rows \(3 covered, 2 extended, 1 uncovered\), threshold 0\.9 \(given\), \d+ ms\n$/,
    );
    const [header, ...rows] = read('labels.csv')
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    expect(header).toEqual(['id', 'label', 'probability', 'coverage']);
    expect(rows.map(([id]) => id)).toEqual(['r0', 'r1', 'r2', 'r3', 'r4', 'r5']);
    expect(rows.map((row) => Number(row[1]))).toEqual(labels);
    expect(rows.map((row) => row[3])).toEqual(coverage);
    expect(rows[4]?.[2]).toBe('');
    for (const [i, row] of rows.entries()) if (i !== 4) expect(Number(row[2])).toBeGreaterThan(0.5);
  });

  it('writes .npy and .jsonl, and reads every format to the same labels', async () => {
    expect(label('votes.npy', 'labels.npy').status).toBe(0);
    const { data, shape } = await readNpy(join(folder, 'labels.npy'));
    expect(shape).toEqual([6, 4]);
    expect(labels.map((_, i) => data[4 * i + 1])).toEqual(labels);
    expect(label('snorkel.jsonl', 'labels.jsonl', '--encoding', 'snorkel').status).toBe(0);
    const rows = read('labels.jsonl')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows.map((row) => row.label)).toEqual(labels);
    expect(rows.map((row) => row.coverage)).toEqual(coverage);
    expect(rows.map((row) => row.probability ?? Number.NaN)).toEqual(labels.map((_, i) => data[4 * i + 2]));
  });

  it('takes one threshold per rule from a file: above 1 nothing is lent', () => {
    write('t.json', '[2, 2, 0.9]');
    expect(label('votes.npy', 't.csv', '--thresholds', 't.json').stdout).toContain('2 thresholds (given)');
    const words = read('t.csv')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',')[3]);
    // Row 1 still has a voter of the third rule nearby (row 5), row 3 has row 2.
    expect(words).toEqual(coverage);
  });

  it('chooses the threshold on gold rows', () => {
    write('gold.csv', 'label\n1\n1\n-1\n-1\n0\n0\n');
    const { status, stdout } = label(
      'votes.npy',
      'g.csv',
      '--extension',
      'votes',
      '--thresholds',
      'auto',
      '--gold',
      'gold.csv',
    );
    expect(status).toBe(0);
    expect(stdout).toContain('(chosen on gold rows)');
    expect(label('votes.npy', 'g.csv', '--thresholds', 'auto', '--gold', 'gold.csv').stdout).toMatch(
      /, \d+ neighbours a row, /,
    );
  });

  it.each([
    [['--votes', 'none.npy'], /ENOENT.*none\.npy/],
    [['--votes', 'snorkel.jsonl'], /--encoding signed .* or --encoding snorkel .* for snorkel\.jsonl/],
    [['--encoding', 'dense'], /one of 'signed', 'snorkel' for --encoding.*"dense"/],
    [['--embeddings', 'three.csv'], /6 rows \(as in votes\.npy\) for three\.csv but received 3/],
    [['--embeddings', 'nan.npy'], /finite values for embeddings.*NaN at row 1, column 0/],
    [['--votes', 'two.csv'], /two\.csv: Expected an integer in \[-1, 1\].*row 1, column 0.*received 5/],
    [['--thresholds', 'high'], /auto, a number or a \.json file for --thresholds/],
    [['--thresholds', 'short.json'], /3 numbers.*thresholds.*received 2/],
    [['--thresholds', '-0.5'], /'--thresholds' argument is ambiguous.*use '--thresholds=-XYZ'/],
    [['--classes', 'few'], /an integer in \[2, 127\] for --classes but received "few"/],
    [
      ['--votes', 'votes.csv', '--embeddings', 'reversed.csv'],
      /id "r0" \(as in votes\.csv\) for row 0 of reversed\.csv but received "r5"/,
    ],
    [
      ['--embeddings', 'unnamed.csv'],
      /a name \('id' for row ids\) for line 1, column 1 of unnamed\.csv but received none/,
    ],
    [['--gold', 'three.csv'], /one label per row for three\.csv but received 2 columns/],
    [['--gold', 'ones.csv'], /labels of two classes \(0: not known\) for ones\.csv/],
    [['-o', 'labels.txt'], /ends in \.csv, \.jsonl or \.npy for the output file/],
    [['-o', 'no/labels.csv'], /ENOENT/],
    [['--colour'], /Unknown option '--colour'/],
    [['stray'], /Unexpected argument 'stray'/],
  ])('explains %j in one line and writes nothing', (args, message) => {
    write('three.csv', '1,0\n0,1\n1,1\n');
    write('reversed.csv', 'id,x,y\nr5,1,0\nr4,1,0\nr3,1,0\nr2,1,0\nr1,1,0\nr0,1,0\n');
    write('unnamed.csv', ',x,y\n0,1,0\n1,1,0\n2,1,0\n3,1,0\n4,1,0\n5,1,0\n');
    write('two.csv', 'a,b\n0,1\n5,0\n1,0\n0,0\n0,0\n0,0\n');
    write('short.json', '[0.5, 0.5]');
    write('ones.csv', '1\n0\n0\n1\n0\n0\n');
    write(
      'nan.npy',
      encodeNpy(
        Float32Array.from(embeddings, (x, i) => (i === 2 ? Number.NaN : x)),
        [6, 2],
      ),
    );
    const before = readdirSync(folder);
    const { status, stdout, stderr } = label('votes.npy', 'e.csv', ...args);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^nearvote: [^\n]+\n$/);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(readdirSync(folder)).toEqual(before);
  });

  it('stops on Ctrl-C and leaves nothing behind', async () => {
    const [rows, lfs, dims] = [30_000, 10, 256];
    let seed = 1;
    const random = () => {
      seed = (seed * 48271) % 2147483647;
      return seed;
    };
    const directory = mkdtempSync(join(folder, 'stop-'));
    const big = Int8Array.from({ length: rows * dims }, () => random() % 127);
    const votes = Int8Array.from({ length: rows * lfs }, () => (random() % 5 === 0 ? (random() % 2) * 2 - 1 : 0));
    write('big.npy', encodeNpy(big, [rows, dims]));
    write('bigvotes.npy', encodeNpy(votes, [rows, lfs]));
    // One thread of the plainest kernels: minutes of work on any machine.
    const child = spawn(
      process.execPath,
      [main, 'label', '--votes', 'bigvotes.npy', '--embeddings', 'big.npy', '-o', join(directory, 'labels.csv')],
      { cwd: folder, env: { ...process.env, NEARVOTE_ISA: 'baseline', OMP_NUM_THREADS: '1' } },
    );
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
    await sleep(3000);
    child.kill('SIGINT');
    expect(await ended).toEqual({ code: 130, signal: null });
    expect(stderr).toBe('nearvote: stopped by SIGINT; nothing was written\n');
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('nearvote analyze', () => {
  it("prints Snorkel's columns under the names of the header", () => {
    const { status, stdout } = nearvote('analyze', '--votes', 'votes.csv');
    expect(status).toBe(0);
    const [header, a, b, c] = stdout.split('\n').map((line) => line.trim().split(/ {2,}/));
    expect(header).toEqual(['j', 'Polarity', 'Coverage', 'Overlaps', 'Conflicts']);
    // Of six rows: rule a votes on two (once together with c), b on one (with c), c on two (always with another); no conflicts.
    expect(a).toEqual(['a', '0', '[1]', '0.3333', '0.1667', '0.0000']);
    expect(b).toEqual(['b', '1', '[-1]', '0.1667', '0.1667', '0.0000']);
    expect(c).toEqual(['c', '2', '[-1, 1]', '0.3333', '0.3333', '0.0000']);
  });

  it('judges the votes with labels', () => {
    write('y.jsonl', lines([1, 1, 1, -1, -1, 1]));
    const { stdout } = nearvote('analyze', '--votes', 'votes.csv', '--labels', 'y.jsonl');
    const [header, , b] = stdout.split('\n').map((line) => line.trim().split(/ {2,}/));
    expect(header?.slice(-3)).toEqual(['Correct', 'Incorrect', 'Emp. Acc.']);
    expect(b?.slice(-3)).toEqual(['0', '1', '0.0000']);
  });

  it('adds what agreement and extension tell, as a table or as JSON', () => {
    // Four rules that vote on every row: each of the first three errs on one row of eight that the others get right.
    const truth = [1, 1, 1, 1, -1, -1, -1, -1];
    const rules = [0, 1, 2, 9].map((wrong) => truth.map((y, row) => (row === wrong ? -y : y)));
    write('four.jsonl', lines(truth.map((_, row) => rules.map((rule) => rule[row]!))));
    const table = nearvote('analyze', '--votes', 'four.jsonl', '--encoding', 'signed', '--model');
    expect(table.stderr).toBe('');
    const [header, first] = table.stdout.split('\n').map((line) => line.trim().split(/ {2,}/));
    expect(header?.slice(-2)).toEqual(['Est. Acc.', '95 %']);
    expect(first?.at(-1)).toMatch(/^\[0\.\d{4}, [01]\.\d{4}\]$/);

    write('half.jsonl', lines(truth.map((y, row) => [row % 2 === 0 ? y : 0])));
    write('near.jsonl', lines(truth.map((y, row) => [y, 0.01 * row])));
    write('truth.jsonl', lines(truth));
    const json = nearvote(
      ...['analyze', '--votes', 'half.jsonl', '--labels', 'truth.jsonl', '--json', '--model'],
      ...['--embeddings', 'near.jsonl', '--thresholds', '0.9'],
    );
    expect(json.stderr).toBe('');
    const [rule] = JSON.parse(json.stdout);
    expect(rule).toMatchObject({ coverage: 0.5, correct: 4, extendedCoverage: 1, extendedAccuracy: 1 });
    expect(rule).toMatchObject({ accuracyLow: 0, accuracyHigh: 1 });
    const refused = nearvote('analyze', '--votes', 'half.jsonl', '--thresholds', '0.9');
    expect(refused.stderr).toBe('nearvote: Expected a file of embeddings for --embeddings but received nothing\n');
  });
});

describe('nearvote', () => {
  it('names the device in use', () => {
    const { status, stdout } = nearvote('devices');
    expect(status).toBe(0);
    expect(stdout).toMatch(/device .*threads\n-.*\ncpu /);
  });

  it.each([[[]], [['--help']], [['label', '--help']], [['analyze', '-h']], [['devices', '--help']]])(
    'helps: %j',
    (args) => {
      const { status, stdout, stderr } = nearvote(...args);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(/^nearvote( label| analyze| devices)?: /);
      for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
    },
  );

  it('says its version', () => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
    expect(nearvote('--version')).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('explains an unknown command', () => {
    const { status, stderr } = nearvote('lable');
    expect(status).toBe(1);
    expect(stderr).toBe("nearvote: Expected one of label, analyze, devices for the command but received 'lable'\n");
  });
});
