// Timing with benchmark.js.
import Benchmark from 'benchmark';

function run(options) {
  return new Promise((resolve) => {
    new Benchmark({ ...options, initCount: 1, maxTime: 0 })
      .on('complete', (event) => resolve(event.target))
      .run({ async: true });
  });
}

/** Milliseconds of one call of `work`, which may return a promise. For work of some tenths of a millisecond or more. */
export async function sampleMs(work) {
  let failure;
  const { stats } = await run({
    defer: true,
    minSamples: 1,
    minTime: 1e-6,
    fn: async (deferred) => {
      try {
        await work();
      } catch (error) {
        failure = error;
      }
      deferred.resolve();
    },
  });
  if (failure) throw failure;
  return stats.sample[0] * 1e3;
}

/** Milliseconds per call of synchronous `work`, from samples of 50 ms each. For work that takes microseconds. */
export async function shortSamplesMs(work, samples = 9) {
  const { stats, error } = await run({ fn: work, minSamples: samples });
  if (error) throw error;
  return stats.sample.map((seconds) => seconds * 1e3);
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
