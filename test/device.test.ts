// Choosing a device where there is none: 'cuda' is an error that says why, 'auto' takes the processor, the rest of the
// package never notices. NEARVOTE_CUDA_LIBRARY names the backend before its first use, so each case is a process.
import { execFileSync } from 'node:child_process';
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
