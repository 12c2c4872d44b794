// A job of about a given length on the machine at hand.
import { performance } from 'node:perf_hooks';
import { pairwiseDistances, pairwiseDistancesAsync } from 'nearvote';

const DIMS = 1024;
const COLUMNS = 256;

function matrix(rows) {
  const data = new Float32Array(rows * DIMS);
  for (let i = 0; i < data.length; i++) data[i] = ((i * 7919) % 1009) / 1009 - 0.5;
  return { data, shape: [rows, DIMS] };
}

/** Starts it: `start(options)` returns the promise. `ms` is measured on a small part of it, so it is only about right. */
export function longJob(ms) {
  const support = matrix(COLUMNS);
  const options = { metric: 'l2', precise: true };
  const part = matrix(256);
  pairwiseDistances(part, support, options);
  const before = performance.now();
  pairwiseDistances(part, support, options);
  const queries = matrix(Math.ceil((256 * ms) / (performance.now() - before)));
  return (more) => pairwiseDistancesAsync(queries, support, { ...options, ...more });
}
