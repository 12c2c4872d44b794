// Subnormal arithmetic of JavaScript before the addon is loaded, after it, and after calls and jobs on all threads.
const smallest = () => {
  const tiny = Number.MIN_VALUE;
  const single = Math.fround(Math.fround(2 ** -100) * Math.fround(2 ** -40));
  return [tiny * 1 === tiny, (tiny * 3) / 3 === tiny, 2 ** -1060 * 0.5 === 2 ** -1061, single === 2 ** -140];
};
const before = smallest();
const { pairwiseSimilarities, pairwiseSimilaritiesAsync, topKAsync } = await import('nearvote');
const loaded = smallest();
// A float32 result that is subnormal itself, from a call and from the compute thread.
const a = { data: new Float32Array(64).fill(2 ** -140), shape: [64, 1] };
const b = { data: new Float32Array(64).fill(0.5), shape: [64, 1] };
const options = { metric: 'dot', precise: true };
const products = [pairwiseSimilarities(a, b, options), await pairwiseSimilaritiesAsync(a, b, options)];
await topKAsync(a, b, { k: 3, metric: 'dot' });
const exact = products.map(({ data }) => data.every((v) => v === 2 ** -141));
process.stdout.write(JSON.stringify({ before, loaded, after: smallest(), exact }));
