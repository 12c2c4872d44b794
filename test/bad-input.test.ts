// Wrong arguments of the neighbours room: each is refused with the project's one message shape, by a call and by its
// async form alike. What looks wrong and is allowed (shared memory, views with an offset) gives right results.
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  EmbeddingSet,
  extendVotes,
  extendVotesAsync,
  NearestVoters,
  pairwiseDistances,
  pairwiseDistancesAsync,
  pairwiseSimilarities,
  pairwiseSimilaritiesAsync,
  setThreads,
  topK,
  topKAsync,
  type VoteMatrix,
} from '../lib/index.js';
import { fromRows } from './helpers/matrices.js';
import {
  a,
  b,
  data,
  detached,
  good,
  growable,
  refuses,
  resizable,
  votes,
  withValue,
  wrong,
} from './helpers/wrong-arguments.js';

describe('matrices', () => {
  const cases: [title: string, matrix: unknown, message: string | RegExp][] = [
    ['undefined', undefined, 'Expected { data: Float32Array, shape: [rows, cols] } for a but received undefined'],
    [
      'a bare typed array',
      data,
      'Expected { data: Float32Array, shape: [rows, cols] } for a but received Float32Array',
    ],
    [
      'float64 values',
      { data: Float64Array.from(data), shape: [3, 2] },
      'Expected a Float32Array for a.data but received Float64Array(6)',
    ],
    [
      'a plain array',
      { data: [1, 2, 3, 4, 5, 6], shape: [3, 2] },
      'Expected a Float32Array for a.data but received [1, 2, 3, 4, 5, 6]',
    ],
    ['no shape', { data }, 'Expected [rows, cols] with two non-negative integers for a.shape but received undefined'],
    ['a shape of three', { data, shape: [3, 2, 1] }, 'for a.shape but received [3, 2, 1]'],
    ['a negative shape', { data, shape: [-3, -2] }, 'for a.shape but received [-3, -2]'],
    ['a fractional shape', { data, shape: [1.5, 4] }, 'for a.shape but received [1.5, 4]'],
    [
      'a shape whose product is not the length',
      { data, shape: [3, 3] },
      'Expected 3 x 3 = 9 elements for a.data but received 6',
    ],
    [
      'no columns',
      { data: new Float32Array(0), shape: [3, 0] },
      'Expected at least one column for a.shape but received [3, 0]',
    ],
    [
      'a detached buffer',
      { data: detached(), shape: [3, 2] },
      'Expected 3 x 2 = 6 elements for a.data but received 0 (its buffer is empty or detached)',
    ],
    [
      'a resizable buffer',
      { data: new Float32Array(resizable(24)), shape: [3, 2] },
      'Expected a Float32Array on a buffer of fixed length for a.data but received one on a resizable buffer',
    ],
    [
      'a growable shared buffer',
      { data: new Float32Array(growable(24)), shape: [3, 2] },
      'Expected a Float32Array on a buffer of fixed length for a.data but received one on a resizable buffer',
    ],
    ['NaN', withValue(1, 1, Number.NaN), 'Expected finite values for a but received NaN at row 1, column 1'],
    ['+Infinity', withValue(2, 0, Infinity), 'Expected finite values for a but received Infinity at row 2, column 0'],
    ['-Infinity', withValue(0, 1, -Infinity), 'Expected finite values for a but received -Infinity at row 0, column 1'],
  ];
  for (const [title, matrix, message] of cases) {
    refuses(
      title,
      message,
      () => pairwiseDistances(wrong(matrix), b),
      () => pairwiseDistancesAsync(wrong(matrix), b),
    );
  }

  const nan = withValue(2, 1, Number.NaN);
  const received = 'but received NaN at row 2, column 1';
  const named: [parameter: string, call: () => unknown, job: () => Promise<unknown>][] = [
    ['b', () => pairwiseSimilarities(a, nan), () => pairwiseSimilaritiesAsync(a, nan)],
    ['queries', () => topK(nan, b, { k: 1 }), () => topKAsync(nan, b, { k: 1 })],
    ['support', () => topK(b, nan, { k: 1 }), () => topKAsync(b, nan, { k: 1 })],
    [
      'embeddings',
      () => extendVotes({ ...good, embeddings: nan }),
      () => extendVotesAsync({ ...good, embeddings: nan }),
    ],
    [
      'support.embeddings',
      () => extendVotes({ ...good, support: { votes, embeddings: nan } }),
      () => extendVotesAsync({ ...good, support: { votes, embeddings: nan } }),
    ],
    ['embeddings', () => new EmbeddingSet(nan), () => EmbeddingSet.create(nan)],
    [
      'support.embeddings',
      () => new NearestVoters({ ...good, support: { votes, embeddings: nan } }),
      () => NearestVoters.create({ ...good, support: { votes, embeddings: nan } }),
    ],
  ];
  for (const [parameter, call, job] of named)
    refuses(
      `names ${parameter} where it holds the NaN`,
      `Expected finite values for ${parameter} ${received}`,
      call,
      job,
    );

  it('names the first bad cell whichever thread meets one first', () => {
    // Everything from row 1000 on is bad: whoever does not start at the top meets a later row first.
    const [rows, cols] = [20_000, 64];
    const values = new Float32Array(rows * cols).fill(1).fill(Number.NaN, 1000 * cols);
    for (let repeat = 0; repeat < 10; repeat++) {
      expect(() => new EmbeddingSet({ data: values, shape: [rows, cols] }, { threads: 2 + (repeat % 2) })).toThrow(
        'but received NaN at row 1000, column 0',
      );
    }
  });

  it('takes dims instead of shape', () => {
    expect(pairwiseDistances({ data, dims: [3, 2] }, b)).toEqual(pairwiseDistances(a, b));
  });

  it('takes arrays of another realm, as sandboxes of test runners make them', () => {
    const foreign = runInNewContext('new Float32Array([1, 0, 0, 1, 3, 4])') as Float32Array;
    expect(foreign instanceof Float32Array).toBe(false);
    expect(pairwiseDistances({ data: foreign, shape: [3, 2] }, b)).toEqual(pairwiseDistances(a, b));
  });

  it('takes memory that is shared between threads', () => {
    const shared = new Float32Array(new SharedArrayBuffer(24));
    shared.set(data);
    expect(pairwiseDistances({ data: shared, shape: [3, 2] }, b)).toEqual(pairwiseDistances(a, b));
  });

  it('reads and writes views at their own offset', () => {
    const padded = new Float32Array(20).fill(Number.NaN);
    padded.set(data, 5);
    padded.set(b.data, 12);
    const viewA = { data: padded.subarray(5, 11), shape: [3, 2] as const };
    const viewB = { data: padded.subarray(12, 16), shape: [2, 2] as const };
    const target = new Float32Array(9).fill(7);
    pairwiseDistances(viewA, viewB, { metric: 'l2', out: target.subarray(2, 8) });
    expect([...target]).toEqual([7, 7, ...pairwiseDistances(a, b, { metric: 'l2' }).data, 7]);

    const cells = new Int8Array(10).fill(99);
    cells.set(votes.data, 3);
    const viewVotes: VoteMatrix = { data: cells.subarray(3, 9), shape: [3, 2] };
    expect(extendVotes({ ...good, votes: viewVotes, embeddings: viewA })).toEqual(extendVotes(good));
  });
});

describe('two matrices', () => {
  const three = fromRows([[1, 2, 3]]);
  refuses(
    'of different width',
    'Expected 2 columns (as in a) for b but received 3',
    () => pairwiseDistances(a, three),
    () => pairwiseDistancesAsync(a, three),
  );
  refuses(
    'of different width in top-k',
    'Expected 2 columns (as in queries) for support but received 3',
    () => topK(a, three, { k: 1 }),
    () => topKAsync(a, three, { k: 1 }),
  );
});

describe('options', () => {
  refuses(
    'an unknown metric',
    "Expected one of 'cosine', 'l2' for metric but received \"euclidean\"",
    () => pairwiseDistances(a, b, { metric: wrong('euclidean') }),
    () => pairwiseDistancesAsync(a, b, { metric: wrong('euclidean') }),
  );
  refuses(
    'a similarity called l2',
    "Expected one of 'cosine', 'dot' for metric but received \"l2\"",
    () => pairwiseSimilarities(a, b, { metric: wrong('l2') }),
    () => pairwiseSimilaritiesAsync(a, b, { metric: wrong('l2') }),
  );
  const ks: [k: unknown, message: string][] = [
    [0, 'Expected an integer >= 1 for k but received 0'],
    [-1, 'Expected an integer >= 1 for k but received -1'],
    [1.5, 'Expected an integer >= 1 for k but received 1.5'],
    [Number.NaN, 'Expected an integer >= 1 for k but received NaN'],
    ['3', 'Expected an integer >= 1 for k but received "3"'],
    [undefined, 'Expected an integer >= 1 for k but received undefined'],
  ];
  for (const [k, message] of ks) {
    refuses(
      `k = ${String(k)}`,
      message,
      () => topK(a, b, { k: wrong(k) }),
      () => topKAsync(a, b, { k: wrong(k) }),
    );
  }
  refuses(
    'no options where k is needed',
    'Expected an object for options but received undefined',
    () => topK(a, b, wrong(undefined)),
    () => topKAsync(a, b, wrong(undefined)),
  );
  for (const threads of [0, -1, 2.5, 5000]) {
    refuses(
      `threads = ${threads}`,
      `Expected an integer in [1, 1024] for threads but received ${threads}`,
      () => topK(a, b, { k: 1, threads }),
      () => topKAsync(a, b, { k: 1, threads }),
    );
  }
  refuses(
    'an unknown device',
    "Expected one of 'cpu', 'cuda', 'auto' for device but received \"gpu\"",
    () => topK(a, b, { k: 1, device: wrong('gpu') }),
    () => topKAsync(a, b, { k: 1, device: wrong('gpu') }),
  );
  it('setThreads(-1)', () => {
    expect(() => setThreads(-1)).toThrow('Expected an integer in [0, 1024] for threads but received -1');
  });

  it('k above the number of rows gives all of them', () => {
    const { indices, shape } = topK(a, b, { k: 100, metric: 'dot' });
    expect({ shape, indices: [...indices] }).toEqual({ shape: [3, 2], indices: [0, 1, 0, 1, 0, 1] });
  });

  it('a signal that is none', async () => {
    const message = 'Expected an AbortSignal for signal but received an object with keys {aborted}';
    await expect(topKAsync(a, b, { k: 1, signal: wrong({ aborted: false }) })).rejects.toThrow(message);
  });
  it('an onProgress that is none', async () => {
    const message = 'Expected a function for onProgress but received true';
    await expect(topKAsync(a, b, { k: 1, onProgress: wrong(true) })).rejects.toThrow(message);
  });
});

describe('out', () => {
  refuses(
    'of the wrong length',
    'Expected 6 elements for out but received 5',
    () => pairwiseDistances(a, b, { out: new Float32Array(5) }),
    () => pairwiseDistancesAsync(a, b, { out: new Float32Array(5) }),
  );
  refuses(
    'of the wrong type',
    'Expected a Float32Array for out but received Float64Array(6)',
    () => pairwiseDistances(a, b, { out: wrong(new Float64Array(6)) }),
    () => pairwiseDistancesAsync(a, b, { out: wrong(new Float64Array(6)) }),
  );
  const memory = new Float32Array(12);
  memory.set(data, 0);
  const view = { data: memory.subarray(0, 6), shape: [3, 2] as const };
  for (const [title, first] of [
    ['the input itself', 0],
    ['one element of the input', 5],
  ] as const) {
    refuses(
      `over ${title}`,
      'Expected memory of its own for out but received a view that overlaps an input',
      () => pairwiseDistances(view, b, { out: memory.subarray(first, first + 6) }),
      () => pairwiseDistancesAsync(view, b, { out: memory.subarray(first, first + 6) }),
    );
  }
  it('right behind an input is fine, and is what comes back', () => {
    const out = memory.subarray(6, 12);
    const result = pairwiseDistances(view, b, { out });
    expect(result.data).toBe(out);
    expect([...out]).toEqual([...pairwiseDistances(a, b).data]);
  });
  it('may be a matrix', () => {
    const out = { data: new Float32Array(6), shape: [3, 2] as const };
    expect(pairwiseDistances(a, b, { out }).data).toBe(out.data);
  });
});
