// Wrong arguments of the neighbours room: each is refused with the project's one message shape, by a call and by its
// async form alike. What looks wrong and is allowed (no rows, shared memory, views with an offset) gives right results.
import { describe, expect, it } from 'vitest';
import {
  EmbeddingSet,
  type ExtendVotesInput,
  extendVotes,
  extendVotesAsync,
  type FloatMatrix,
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
import { fromRows, randomFloats, votesFromRows } from './helpers/matrices.js';

const a = fromRows([
  [1, 0],
  [0, 1],
  [3, 4],
]);
const b = fromRows([
  [2, 0],
  [0, -1],
]);
const votes = votesFromRows([
  [1, 0],
  [0, -1],
  [0, 0],
]);
const good: ExtendVotesInput = { votes, embeddings: a, thresholds: 0.5 };

/** Something of the wrong type, given as if it were right. */
const wrong = (value: unknown) => value as never;
const { data } = a;
const withValue = (row: number, column: number, value: number): FloatMatrix => {
  const copy = data.slice();
  copy[row * 2 + column] = value;
  return { data: copy, shape: [3, 2] };
};
const resizable = (bytes: number) =>
  Reflect.construct(ArrayBuffer, [bytes, { maxByteLength: 2 * bytes }]) as ArrayBuffer;
const growable = (bytes: number) =>
  Reflect.construct(SharedArrayBuffer, [bytes, { maxByteLength: 2 * bytes }]) as SharedArrayBuffer;
function detached(): Float32Array {
  const values = data.slice();
  structuredClone(values, { transfer: [values.buffer] });
  return values;
}

/** The call and its async form are refused with this message. */
function refuses(title: string, message: string | RegExp, call: () => unknown, job: () => Promise<unknown>) {
  it(title, async () => {
    expect(call).toThrow(message);
    await expect(job()).rejects.toThrow(message);
  });
}

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

describe('votes and thresholds', () => {
  const cases: [title: string, change: object, message: string][] = [
    [
      'votes of another type',
      { votes: { data: Int32Array.from(votes.data), shape: [3, 2] } },
      'Expected a Int8Array for votes.data but received Int32Array(6)',
    ],
    [
      'a vote that is neither -1, 0 nor +1',
      {
        votes: votesFromRows([
          [1, 0],
          [0, 2],
          [0, 0],
        ]),
      },
      'Expected -1, 0 (abstain) or +1 for votes at row 1, column 1 but received 2',
    ],
    [
      'a class above the number of classes',
      {
        votes: votesFromRows(
          [
            [1, 0],
            [0, 3],
            [4, 0],
          ],
          3,
        ),
      },
      'Expected 0 (abstain) to 3 for votes at row 2, column 0 but received 4',
    ],
    [
      'a negative class',
      {
        votes: votesFromRows(
          [
            [1, 0],
            [0, 3],
            [0, -1],
          ],
          3,
        ),
      },
      'Expected 0 (abstain) to 3 for votes at row 2, column 1 but received -1',
    ],
    [
      'one class',
      {
        votes: votesFromRows(
          [
            [1, 0],
            [0, 1],
            [0, 0],
          ],
          1,
        ),
      },
      'Expected an integer in [2, 127] for votes.classes but received 1',
    ],
    [
      'fewer vote rows than embeddings',
      { votes: votesFromRows([[1, 0]]) },
      'Expected 3 rows (as in embeddings) for votes but received 1',
    ],
    [
      'a support with other labelling functions',
      { support: { votes: votesFromRows([[1], [1]]), embeddings: b } },
      'Expected 2 labelling functions (as in votes) for support.votes but received 1',
    ],
    [
      'a support with other classes',
      {
        support: {
          votes: votesFromRows(
            [
              [1, 3],
              [0, 0],
            ],
            3,
          ),
          embeddings: b,
        },
      },
      'Expected votes -1/+1 (as in votes) for support.votes but received votes 1 to 3',
    ],
    [
      'a support of another width',
      { support: { votes: votesFromRows([[1, 1]]), embeddings: fromRows([[1, 2, 3]]) } },
      'Expected 2 columns (as in embeddings) for support.embeddings but received 3',
    ],
    [
      'a bad vote in the support',
      {
        support: {
          votes: votesFromRows([
            [1, 1],
            [0, 9],
          ]),
          embeddings: b,
        },
      },
      'Expected -1, 0 (abstain) or +1 for support.votes at row 1, column 1 but received 9',
    ],
    ['no support in support', { support: null }, 'Expected { votes, embeddings } for support but received null'],
    [
      'too many thresholds',
      { thresholds: [0.5, 0.5, 0.5] },
      'Expected 2 numbers (one per labelling function) for thresholds but received 3',
    ],
    ['no thresholds', { thresholds: undefined }, 'for thresholds but received undefined'],
    ['a NaN threshold', { thresholds: Number.NaN }, 'Expected a number for thresholds but received NaN'],
    [
      'a NaN among thresholds',
      { thresholds: [0.5, Number.NaN] },
      'Expected a number for thresholds[1] but received NaN',
    ],
    ['a threshold in words', { thresholds: [0.5, 'high'] }, 'Expected a number for thresholds[1] but received "high"'],
    ['k below 1', { k: 0 }, 'Expected an integer >= 1 for k but received 0'],
    ['an unknown metric', { metric: 'L2' }, "Expected one of 'cosine', 'dot', 'l2' for metric but received \"L2\""],
  ];
  for (const [title, change, message] of cases) {
    refuses(
      title,
      message,
      () => extendVotes(wrong({ ...good, ...change })),
      () => extendVotesAsync(wrong({ ...good, ...change })),
    );
  }

  it('signed votes mean two classes, 1 and 2 mean two classes too, but they do not mix', () => {
    const classes = votesFromRows(
      [
        [1, 2],
        [0, 0],
      ],
      2,
    );
    expect(() => extendVotes({ ...good, support: { votes: classes, embeddings: b } })).toThrow(
      'Expected votes -1/+1 (as in votes) for support.votes but received votes 1 to 2',
    );
  });

  it('names bad thresholds of NearestVoters.extend and bad class indices', () => {
    const voters = new NearestVoters(good);
    expect(() => voters.extend([1])).toThrow('Expected 2 numbers (one per labelling function) for thresholds');
    expect(() => voters.nearest(2)).toThrow('Expected an integer in [0, 1] for classIndex but received 2');
  });
});

describe('EmbeddingSet', () => {
  refuses(
    'of another metric than the call',
    "Expected an EmbeddingSet with metric 'l2' for a but received one with metric 'cosine'",
    () => pairwiseDistances(new EmbeddingSet(a), b, { metric: 'l2' }),
    () => pairwiseDistancesAsync(new EmbeddingSet(a), b, { metric: 'l2' }),
  );
  it('made of a set', () => {
    const message = 'Expected a matrix for embeddings but received an instance of EmbeddingSet';
    expect(() => new EmbeddingSet(wrong(new EmbeddingSet(a)))).toThrow(message);
  });

  const closed = new EmbeddingSet(a);
  closed.close();
  refuses(
    'closed, as an operand',
    'Expected an open EmbeddingSet for queries but received one that is closed',
    () => topK(closed, b, { k: 1 }),
    () => topKAsync(closed, b, { k: 1 }),
  );
  it('closed: bytes is refused, closing again is fine', () => {
    expect(() => closed.bytes).toThrow('Expected an open EmbeddingSet');
    closed.close();
  });
  it('closed by the end of a using block', () => {
    const set = new EmbeddingSet(a);
    set[Symbol.dispose]();
    expect(() => set.bytes).toThrow('Expected an open EmbeddingSet');
  });
  it('closed NearestVoters', () => {
    const voters = new NearestVoters(good);
    voters.close();
    voters.close();
    for (const use of [() => voters.extend(1), () => voters.nearest(0), () => voters.extendWithNeighbors(1)])
      expect(use).toThrow('Expected an open NearestVoters for this call but received one that is closed');
  });
});

describe('zero rows under cosine', () => {
  const withZero = fromRows([
    [0, 0],
    [1, 1],
    [2, 0],
  ]);

  it('score 0 in matrices and top-k', () => {
    expect([...pairwiseSimilarities(withZero, b).data.subarray(0, 2)]).toEqual([0, 0]);
    expect([...pairwiseDistances(withZero, b).data.subarray(0, 2)]).toEqual([1, 1]);
    const { indices, scores } = topK(fromRows([[-1, 0]]), withZero, { k: 3 });
    expect([...indices]).toEqual([0, 1, 2]);
    expect(scores[0]).toBe(0);
  });

  it('neither give nor receive votes', () => {
    const direct = votesFromRows([
      [1, 0],
      [0, 0],
      [0, -1],
    ]);
    const { votes: extended, neighbors } = extendVotes({ votes: direct, embeddings: withZero, thresholds: -2 });
    expect([...extended.data]).toEqual([1, 0, 0, -1, 0, -1]);
    expect([...neighbors]).toEqual([-1, -2, -2, 2, -2, -1]);
  });

  it('are ordinary points under l2 and dot', () => {
    const direct = votesFromRows([[1], [0], [0]]);
    for (const [metric, thresholds] of [
      ['l2', 100],
      ['dot', -1],
    ] as const) {
      const { votes: extended } = extendVotes({ votes: direct, embeddings: withZero, thresholds, metric });
      expect([...extended.data]).toEqual([1, 1, 1]);
    }
  });
});

describe('empty things', () => {
  const none: FloatMatrix = { data: new Float32Array(0), shape: [0, 2] };
  const noVotes: VoteMatrix = { data: new Int8Array(0), shape: [0, 2] };

  it('no rows give empty results', async () => {
    expect(pairwiseDistances(none, b)).toEqual({ data: new Float32Array(0), shape: [0, 2] });
    expect(await pairwiseDistancesAsync(a, none)).toEqual({ data: new Float32Array(0), shape: [3, 0] });
    expect(topK(none, b, { k: 2 }).shape).toEqual([0, 2]);
    expect(extendVotes({ votes: noVotes, embeddings: none, thresholds: 0 }).votes).toEqual(noVotes);
    expect(new EmbeddingSet(none).shape).toEqual([0, 2]);
  });
  refuses(
    'top-k of no support rows',
    'Expected at least one row for support but received 0',
    () => topK(a, none, { k: 1 }),
    () => topKAsync(a, none, { k: 1 }),
  );
  it('no support rows extend nothing', () => {
    const extended = extendVotes({ ...good, support: { votes: noVotes, embeddings: none } });
    expect(extended.votes).toEqual(votes);
    expect([...extended.neighbors]).toEqual([-1, -2, -2, -1, -2, -2]);
  });
  it('no labelling functions', () => {
    const empty: VoteMatrix = { data: new Int8Array(0), shape: [3, 0] };
    expect(extendVotes({ votes: empty, embeddings: a, thresholds: [] }).votes).toEqual(empty);
  });
  it('one labelling function, and one without votes', () => {
    const embeddings = randomFloats(4, 3, 1);
    const extended = extendVotes({ votes: votesFromRows([[1], [0], [0], [0]]), embeddings, thresholds: -2 });
    expect([...extended.votes.data]).toEqual([1, 1, 1, 1]);
    const silent = extendVotes({ votes: votesFromRows([[0], [0], [0], [0]]), embeddings, thresholds: -2 });
    expect([...silent.votes.data, ...silent.neighbors]).toEqual([0, 0, 0, 0, -2, -2, -2, -2]);
  });
});
