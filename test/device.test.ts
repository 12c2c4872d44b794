// Choosing a device where there is none: 'cuda' is an error that says why, 'auto' takes the processor, the rest of the
// package never notices. NEARVOTE_CUDA_LIBRARY names the backend before its first use, so each case is a process.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { EmbeddingSet, extendVotes, NearestVoters, pairwiseDistances, topK } from '../lib/index.js';

const root = fileURLToPath(new URL('..', import.meta.url));

function inProcess(library: string, code: string): unknown {
  const source = `import * as nearvote from ${JSON.stringify(`${root}dist/index.js`)};
    const result = await (async () => { ${code} })();
    process.stdout.write(JSON.stringify(result));`;
  const env = { ...process.env, NEARVOTE_CUDA_LIBRARY: library };
  return JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', source], { env, encoding: 'utf8' }),
  ) as unknown;
}

const embeddings = { data: Float32Array.of(1, 0, 0, 1, 1, 1), shape: [3, 2] as const };
const votes = { data: Int8Array.of(1, 0, 0), shape: [3, 1] as const };

const attempt = `
  const embeddings = { data: Float32Array.of(1, 0, 0, 1, 1, 1), shape: [3, 2] };
  const why = (call) => { try { call(); return 'no error'; } catch (error) { return error.message; } };
  return {
    device: nearvote.devices()[1],
    cuda: why(() => nearvote.topK(embeddings, embeddings, { k: 1, device: 'cuda' })),
    auto: [...nearvote.topK(embeddings, embeddings, { k: 1, device: 'auto' }).indices],
  };`;

test.each([
  [
    'a missing library',
    '/nowhere/nearvote-cuda.so',
    /^there is no CUDA backend: no file \/nowhere\/nearvote-cuda\.so$/,
  ],
  ['a file that is no library', `${root}package.json`, /^the CUDA backend does not load: /],
])('%s is named', (_, library, reason) => {
  const { device, cuda, auto } = inProcess(library, attempt) as {
    device: { type: string; available: boolean; reason: string };
    cuda: string;
    auto: number[];
  };
  expect(device).toMatchObject({ type: 'cuda', available: false });
  expect(device.reason).toMatch(reason);
  expect(cuda).toBe(`Expected a usable CUDA device for device 'cuda' but received none: ${device.reason}`);
  expect(auto).toEqual([0, 1, 2]);
});

test('every heavy call takes a device', () => {
  const input = { votes, embeddings, thresholds: 0.5 };
  expect(extendVotes({ ...input, device: 'cpu' }).votes.data).toEqual(Int8Array.of(1, 0, 1));
  const wrong = { device: 'gpu' as 'cuda' };
  const message = "Expected one of 'cpu', 'cuda', 'auto' for device but received \"gpu\"";
  expect(() => extendVotes({ ...input, ...wrong })).toThrow(message);
  expect(() => new NearestVoters({ votes, embeddings, ...wrong })).toThrow(message);
  expect(() => topK(embeddings, embeddings, { k: 1, ...wrong })).toThrow(message);
  expect(() => pairwiseDistances(embeddings, embeddings, wrong)).toThrow(message);
  expect(() => new EmbeddingSet(embeddings, wrong)).toThrow(message);
});

test('an EmbeddingSet knows where it lives', () => {
  using set = new EmbeddingSet(embeddings, { device: 'cpu' });
  expect(set.device).toBe('cpu');
});

// The kernels' own sources, run on the host (native/cuda/emulation; built by npm run test:core): the whole way from the
// facade through the C ABI and back.
const emulated = `${root}build-core/nearvote-cuda-emulated.so`;

test.skipIf(!existsSync(emulated))('a backend gives the bits of the processor, in calls and in jobs', () => {
  const result = inProcess(
    emulated,
    `
    let seed = 1;
    const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647 - 0.5;
    const rows = 150, dims = 20, lfs = 4;
    const embeddings = { data: Float32Array.from({ length: rows * dims }, random), shape: [rows, dims] };
    const votes = {
      data: Int8Array.from({ length: rows * lfs }, () => (random() > 0.2 ? (random() > 0 ? 1 : -1) : 0)),
      shape: [rows, lfs],
    };
    const thresholds = [0, 0.2, 0.4, -1];
    const bits = (value) => JSON.stringify(value, (_, v) => (ArrayBuffer.isView(v) ? Array.from(v, String) : v));
    const set = new nearvote.EmbeddingSet(embeddings, { device: 'cuda' });
    const of = async (device, matrix) => {
      const input = { votes, embeddings: matrix, device };
      const voters = new nearvote.NearestVoters(input);
      return [
        nearvote.extendVotes({ ...input, thresholds }),
        await nearvote.extendVotesAsync({ ...input, thresholds }),
        voters.extendWithNeighbors(thresholds),
        voters.nearest(1),
        nearvote.topK(matrix, matrix, { k: 5, device }),
        nearvote.pairwiseDistances(matrix, matrix, { precise: true, device }),
      ].map(bits);
    };
    const cpu = await of('cpu', embeddings);
    let tooMany = 'no error';
    try {
      const many = { data: new Float32Array(1100).fill(1), shape: [1100, 1] };
      nearvote.topK(many, many, { k: 1025, device: 'cuda' });
    } catch (error) { tooMany = error.message; }
    const controller = new AbortController();
    const job = nearvote.topKAsync(set, set, { k: 3, signal: controller.signal });
    controller.abort(new Error('enough'));
    const aborted = await job.then(() => 'no error', (error) => error.message);
    return {
      device: nearvote.devices()[1].available,
      lives: set.device,
      matrix: (await of('cuda', embeddings)).map((value, i) => value === cpu[i]),
      resident: (await of(undefined, set)).map((value, i) => value === cpu[i]),
      onCpu: (await of('cpu', set)).map((value, i) => value === cpu[i]),
      tooMany, aborted,
    };`,
  );
  const all = [true, true, true, true, true, true];
  expect(result).toEqual({
    device: true,
    lives: 'cuda',
    matrix: all,
    resident: all,
    onCpu: all,
    tooMany: 'Expected at most 1024 on a CUDA device for k but received 1025',
    aborted: 'enough',
  });
});
