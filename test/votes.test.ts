// Votes, their counts and their analysis against hand computation.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  analyzeVotes,
  countVotes,
  countVotesAsync,
  formatAnalysis,
  LabelModel,
  toVotes,
  VoteCounts,
  type VoteMatrix,
} from '../lib/index.js';

const matrix = (rows: number[][], classes?: number): VoteMatrix => ({
  data: Int8Array.from(rows.flat()),
  shape: [rows.length, rows[0]?.length ?? 0],
  ...(classes && { classes }),
});
const small = matrix([
  [1, 1, 0],
  [1, -1, -1],
  [-1, 0, 0],
  [0, 0, 0],
]);

describe('toVotes', () => {
  it('reads both encodings', () => {
    expect(toVotes([-1, 0, 1, 1], { encoding: 'snorkel', shape: [2, 2] })).toEqual({
      data: Int8Array.of(0, -1, 1, 1),
      shape: [2, 2],
    });
    expect(toVotes([-1, 0, 2, 1], { encoding: 'snorkel', shape: [2, 2], classes: 3 })).toEqual({
      data: Int8Array.of(0, 1, 3, 2),
      shape: [2, 2],
      classes: 3,
    });
    expect(toVotes([0, -1, 1, 0], { encoding: 'signed', shape: [2, 2] }).data).toEqual(Int8Array.of(0, -1, 1, 0));
  });
  it('names what it cannot read', () => {
    const options = { encoding: 'snorkel', shape: [2, 2] } as const;
    expect(() => toVotes([0, 1, 2, 0], options)).toThrow(
      "Expected an integer in [-1, 1] (encoding 'snorkel') for source at row 1, column 0 but received 2",
    );
    expect(() => toVotes([0, 1, 0.5, 0], options)).toThrow(/row 1, column 0 but received 0.5/);
    expect(() => toVotes([0, 1], options)).toThrow('Expected 2 x 2 = 4 elements for source but received 2');
    // @ts-expect-error numbers only: what a BigInt64Array holds is told from them
    expect(() => toVotes(BigInt64Array.of(0n, 1n, 1n, 0n), options)).toThrow(/row 0, column 0 but received 0n/);
    // @ts-expect-error a shape has two numbers
    expect(() => toVotes([0, 1], { encoding: 'snorkel', shape: 2 })).toThrow(
      'Expected [rows, cols] with two non-negative integers for shape but received 2',
    );
    // @ts-expect-error an encoding is never guessed
    expect(() => toVotes([0], { shape: [1, 1] })).toThrow("Expected one of 'signed', 'snorkel' for encoding");
  });
});

describe('countVotes', () => {
  it('counts by the definition', () => {
    const counts = countVotes(small);
    expect([counts.rows, counts.covered, counts.lfs, counts.classes]).toEqual([4, 3, 3, 0]);
    expect([counts.votes(0, 1), counts.votes(0, 0), counts.votes(2, 1)]).toEqual([2, 1, 0]);
    expect([counts.overlaps(0, 1), counts.overlaps(0, 0)]).toEqual([2, 0]);
    expect([counts.conflicts(0, 1), counts.conflicts(1, 0)]).toEqual([1, 1]);
    expect([counts.joint(0, 1, 1, 0), counts.joint(1, 0, 0, 1), counts.joint(1, 0, 2, 0)]).toEqual([1, 1, 1]);
  });

  const voteMatrix = fc
    .tuple(fc.nat(60), fc.integer({ min: 1, max: 5 }), fc.constantFrom(undefined, 2, 4), fc.infiniteStream(fc.nat()))
    .map(([rows, lfs, classes, stream]): VoteMatrix => {
      const values = [...stream.take(rows * lfs)];
      const data = Int8Array.from(values, (value) => (classes ? value % (classes + 1) : (value % 3) - 1));
      return classes ? { data, shape: [rows, lfs], classes } : { data, shape: [rows, lfs] };
    });
  it('adds up over chunks and takes them off again, whatever the cut', () => {
    fc.assert(
      fc.property(voteMatrix, fc.nat(), (votes, at) => {
        const [rows, lfs] = votes.shape;
        const cut = at % (rows + 1);
        const part = (from: number, to: number) =>
          countVotes({ ...votes, data: votes.data.subarray(from * lfs, to * lfs), shape: [to - from, lfs] });
        const [first, rest, whole] = [part(0, cut), part(cut, rows), countVotes(votes)];
        expect(first.merge(rest).toJSON()).toEqual(whole.toJSON());
        expect(whole.subtract(rest).toJSON()).toEqual(first.toJSON());
        expect(countVotes(votes, { threads: 3 }).toJSON()).toEqual(whole.toJSON());
        expect(VoteCounts.fromJSON(JSON.parse(JSON.stringify(whole))).toJSON()).toEqual(whole.toJSON());
      }),
      { numRuns: 200 },
    );
  });
  it('counts the same as a job', async () => {
    expect((await countVotesAsync(small, { copy: true })).toJSON()).toEqual(countVotes(small).toJSON());
  });
  it('says what is wrong', () => {
    const counts = countVotes(small);
    expect(() => countVotes(matrix([[1, 2]]))).toThrow(
      'Expected -1, 0 (abstain) or +1 for votes at row 0, column 1 but received 2',
    );
    expect(() => counts.merge(countVotes(matrix([[1, 1]])))).toThrow(
      'Expected counts of 3 LFs, binary for other but received 2 LFs, binary',
    );
    expect(() => countVotes(matrix([[1, 0, 0]])).subtract(counts)).toThrow(/counts that exceed these/);
    const json = counts.toJSON();
    expect(() => VoteCounts.fromJSON({ ...json, version: 9 })).toThrow(
      'Expected version 1 for json.version but received 9',
    );
    expect(() => VoteCounts.fromJSON({ ...json, counts: json.counts.slice(1) })).toThrow(/json.counts/);
    expect(() => VoteCounts.fromJSON({ ...json, counts: json.counts.map(() => -1) })).toThrow(/json.counts\[0\]/);
    expect(() => VoteCounts.fromJSON({} as never)).toThrow(/format/);
    const change = (at: number, by: number) => ({
      ...json,
      counts: json.counts.map((c, i) => (i === at ? c + by : c)),
    });
    expect(() => VoteCounts.fromJSON(change(1, 9))).toThrow(/covered rows for json.counts/);
    expect(() => VoteCounts.fromJSON(change(2, 9))).toThrow(/overlaps of LF 0, class index 0/);
    expect(() => VoteCounts.fromJSON(change(json.counts.length - 1, 99))).toThrow(/votes of LF 2/);
    expect(() => VoteCounts.fromJSON(change(2 + 12 + 2, 99))).toThrow(/together with LF 0/);
  });
});

describe('analyzeVotes', () => {
  it("gives Snorkel's columns", () => {
    const analysis = analyzeVotes(small, { labels: [1, -1, -1, 0], names: ['a', 'b', 'c'] });
    expect(analysis[0]).toEqual({
      name: 'a',
      index: 0,
      polarity: [-1, 1],
      coverage: 3 / 4,
      overlaps: 2 / 4,
      conflicts: 1 / 4,
      correct: 2,
      incorrect: 1,
      empiricalAccuracy: 2 / 3,
    });
    expect(analysis[2]).toMatchObject({ polarity: [-1], coverage: 1 / 4, overlaps: 1 / 4, conflicts: 1 / 4 });
    expect(formatAnalysis(analysis).split('\n')[0]).toMatch(
      /j +Polarity +Coverage +Overlaps +Conflicts +Correct +Incorrect +Emp\. Acc\./,
    );
  });
  it('knows classes, unlabelled rows, rows after extension, and LFs without votes', () => {
    const votes = matrix([
      [3, 0],
      [1, 0],
      [0, 0],
    ]);
    const [first, second] = analyzeVotes(
      { ...votes, classes: 3 },
      {
        labels: [3, 0, 2],
        extended: { data: Int8Array.of(3, 0, 1, 0, 1, 0), shape: [3, 2], classes: 3 },
      },
    );
    expect(first).toMatchObject({
      polarity: [1, 3],
      correct: 1,
      incorrect: 0,
      empiricalAccuracy: 1,
      extendedCoverage: 1,
    });
    expect(second).toMatchObject({ polarity: [], coverage: 0, empiricalAccuracy: null });
    expect(analyzeVotes({ data: new Int8Array(0), shape: [0, 2] })[0]).toMatchObject({ coverage: 0 });
  });
  it('adds accuracies of a model and of extended votes', () => {
    const model = LabelModel.fit(small);
    const all = { data: Int8Array.from({ length: 12 }, () => 1), shape: [4, 3] as const };
    const [first] = analyzeVotes(small, { model, extended: all, labels: [1, -1, -1, 0] });
    const { estimate, low, high } = model.accuracies[0]!;
    expect(first).toMatchObject({ estimatedAccuracy: estimate, accuracyLow: low, accuracyHigh: high });
    expect(first).toMatchObject({ extendedCoverage: 1, extendedAccuracy: 1 / 3 });
    expect(() => analyzeVotes(small, { model: LabelModel.fit(matrix([[1, 0]])) })).toThrow(
      'Expected a model of 3 labelling functions for model but received 2',
    );
    expect(() => analyzeVotes(small, { extended: matrix([[1, 0, 0]]) })).toThrow(
      /\[4, 3\] for extended but received \[1, 3\]/,
    );
  });
  it('says what is wrong', () => {
    expect(() => analyzeVotes(small, { names: ['a'] })).toThrow(
      'Expected 3 names, one per labelling function for names but received 1',
    );
    expect(() => analyzeVotes(small, { labels: [1, 1] })).toThrow(/4 labels, one a row/);
    expect(() => analyzeVotes(small, { labels: [1, 1, 2, 1] })).toThrow(/labels\[2\] but received 2/);
  });
});
