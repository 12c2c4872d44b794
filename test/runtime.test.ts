// How many threads calls use, and what loading the addon leaves behind.
import { afterEach, describe, expect, it } from 'vitest';
import { devices, setThreads } from '../lib/index.js';
import { askChild } from './helpers/child.js';

describe('threads', () => {
  afterEach(() => setThreads(0));

  it('are what setThreads says, until it is told 0', () => {
    const usual = devices()[0]?.threads;
    setThreads(3);
    expect(devices()[0]?.threads).toBe(3);
    setThreads(0);
    expect(devices()[0]?.threads).toBe(usual);
  });

  it('are no more than OMP_NUM_THREADS, and loading leaves the environment as it was', async () => {
    const env = { OMP_NUM_THREADS: '1' };
    expect(await askChild('environment', { env })).toEqual({ threads: 1, changed: [] });
  });
});
