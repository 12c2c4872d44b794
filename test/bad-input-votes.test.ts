// Wrong votes, thresholds and what extension is given.
import { describe, expect, it } from 'vitest';
import { extendVotes, extendVotesAsync, NearestVoters } from '../lib/index.js';
import { fromRows, votesFromRows } from './helpers/matrices.js';
import { b, good, refuses, votes, wrong } from './helpers/wrong-arguments.js';

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
