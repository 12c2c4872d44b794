// The life of a server around its jobs. Each test needs a process (or its worker threads) of its own, to end it or to look
// at all of it from outside.
import { describe, expect, it } from 'vitest';
import { askChild, runChild } from '../helpers/child.js';

// The jobs that are interrupted would take twelve seconds, and twenty more wait behind them.
const PROMPTLY_MS = 6000;

describe('the end of a process in the middle of a job', () => {
  it.each([
    ['process.exit(7)', 'exit', { code: 7, signal: null }],
    ['an uncaught error', 'throw', { code: 1, signal: null }],
    ['SIGTERM', 'kill', { code: null, signal: 'SIGTERM' }],
  ])('%s ends it cleanly and promptly', async (_, how, expected) => {
    const { code, signal, stdout, msAfterFirstOutput } = await runChild('mid-job', { args: [how] });
    expect({ code, signal }).toEqual(expected);
    expect(stdout).toBe('running\n');
    expect(msAfterFirstOutput).toBeLessThan(PROMPTLY_MS);
  });

  it('waits for a running job, and for nothing after it', async () => {
    const { code, stdout } = await runChild('natural-end');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'first end of script done' });
  });
});

describe('worker threads', () => {
  it('terminate() in the middle of a job ends the worker, and nothing else', async () => {
    const { ms, ...rest } = await askChild<Record<string, unknown>>('terminate');
    expect(rest).toEqual({ exitCode: 1, indices: [1, 1] });
    expect(ms).toBeLessThan(PROMPTLY_MS);
  });

  it('terminate() while jobs settle, thirty times over, leaves the process whole', async () => {
    expect(await askChild('terminate-storm')).toEqual([1]);
  });

  it('four at once give the same bits, in calls and in jobs', async () => {
    const all = await askChild<string[][]>('four-workers');
    expect(all).toHaveLength(5);
    expect(new Set(all.flat())).toEqual(new Set([all[0]?.[0]]));
  });
});

it('the event loop stays free during jobs: delay p99 under 20 ms', async () => {
  const { ms, idle, p99 } = await askChild<Record<'ms' | 'idle' | 'p99', number>>('event-loop');
  expect(ms).toBeGreaterThan(1000);
  expect(p99 - idle).toBeLessThan(20);
});

it.runIf(process.platform === 'linux')(
  'jobs share one compute thread and its team, and leave the pool of libuv alone',
  async () => {
    const { started, threads, ended } = await askChild<{ started: number; threads: number; ended: string[] }>(
      'threads',
      {
        env: { UV_THREADPOOL_SIZE: '1' },
      },
    );
    expect(started).toBeLessThanOrEqual(threads);
    expect(ended).toEqual(['files', 'job']);
  },
);

it('loading the addon, calls and jobs leave subnormal numbers alone', async () => {
  const yes = [true, true, true, true];
  expect(await askChild('denormals')).toEqual({ before: yes, loaded: yes, after: yes, exact: [true, true] });
});

describe('memory', () => {
  it.each([
    ['10,000 small calls', 'calls', 2000, 5000],
    ['10,000 small jobs', 'jobs', 2000, 5000],
    ['jobs that fail or are aborted', 'refused', 1000, 3000],
    ['sets of 1 MB that are closed', 'closedSets', 200, 2000],
  ])('is flat over %s', async (_, kind, warmUp, count) => {
    const nodeArgs = ['--expose-gc'];
    const args = [kind, String(warmUp), String(count)];
    const { before, after } = await askChild<Record<'before' | 'after', number>>('memory', { args, nodeArgs });
    expect(after - before).toBeLessThan(8);
  });

  it.each([
    ['EmbeddingSets', 'sets', 1500],
    ['EmbeddingSets made by jobs', 'createdSets', 1500],
    ['NearestVoters', 'voters', 5000],
  ])('behind %s that nobody closes is collected', async (_, kind, count) => {
    const nodeArgs = ['--expose-gc'];
    const args = [kind, '100', String(count)];
    const megabytes = await askChild<Record<'before' | 'highest' | 'after', number>>('memory', { args, nodeArgs });
    expect(megabytes.after - megabytes.before).toBeLessThan(100);
    // All of them together are 1500 MB or more; the collector must not wait that long.
    expect(megabytes.highest).toBeLessThan(600);
  });
});
