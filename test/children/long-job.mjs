// A job of about a given length on the machine at hand.
import { performance } from 'node:perf_hooks';
import { pairwiseDistances, pairwiseDistancesAsync } from 'nearvote';

const DIMS = 2048;
const COLUMNS = 1024;
const SAMPLE = 64;

function matrix(rows) {
  const data = new Float32Array(rows * DIMS);
  for (let i = 0; i < data.length; i++) data[i] = (i % 1009) / 1009 - 0.5;
  return { data, shape: [rows, DIMS] };
}

/** Returns what starts it. `ms` is measured on a small part of it, so it is only about right. */
export function longJob(ms) {
  const support = matrix(COLUMNS);
  const options = { metric: 'l2', precise: true };
  const part = matrix(SAMPLE);
  pairwiseDistances(part, support, options);
  const before = performance.now();
  pairwiseDistances(part, support, options);
  const queries = matrix(Math.ceil((SAMPLE * ms) / (performance.now() - before)));
  return (more) => pairwiseDistancesAsync(queries, support, { ...options, ...more });
}
