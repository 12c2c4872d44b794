import { describe, expect, it } from 'vitest';
import {
  Epoxy,
  extendVotes,
  extendVotesAsync,
  LabelModel,
  pairwiseDistances,
  pairwiseSimilarities,
  type VoteMatrix,
} from '../lib/index.js';
import { generator, randomFloats } from './helpers/matrices.js';

const CLASSES = 3;
const LFS = 4;

/** Random rows; a labelling function votes on a third of them, LF 3 on hardly any. */
function rows(n: number, seed: number) {
  const next = generator(seed);
  const data = Int8Array.from({ length: n * LFS }, (_, cell) =>
    next() < (cell % LFS === 3 ? 0.03 : 0.3) ? 1 + Math.floor(next() * CLASSES) : 0,
  );
  const votes: VoteMatrix = { data, shape: [n, LFS], classes: CLASSES };
  return { votes, embeddings: randomFloats(n, 3, seed + 1) };
}

/** Shares, mean score and nearest majority voter of every cell, from the scores of all pairs. */
function byDefinition(
  queries: ReturnType<typeof rows>,
  support: ReturnType<typeof rows>,
  metric: 'cosine' | 'l2',
  k: number,
) {
  const [n] = queries.votes.shape;
  const [p] = support.votes.shape;
  const pairs =
    metric === 'l2'
      ? pairwiseDistances(queries.embeddings, support.embeddings, { metric, precise: true }).data
      : pairwiseSimilarities(queries.embeddings, support.embeddings, { metric, precise: true }).data;
  return Array.from({ length: n * LFS }, (_, cell) => {
    const [row, lf] = [Math.floor(cell / LFS), cell % LFS];
    if (queries.votes.data[cell] !== 0) return undefined;
    const voters = Array.from({ length: p }, (_, at) => ({
      at,
      score: pairs[row * p + at]!,
      vote: support.votes.data[at * LFS + lf]!,
    }))
      .filter(({ vote }) => vote !== 0)
      .sort((a, b) => (metric === 'l2' ? a.score - b.score : b.score - a.score) || a.at - b.at)
      .slice(0, k);
    if (voters.length === 0) return undefined;
    const mean = voters.reduce((sum, { score }) => sum + score, 0) / voters.length;
    const weights = voters.map(({ score }) =>
      metric === 'l2'
        ? 1 / (1 + (score / mean) ** 2)
        : voters[0]!.score > 0
          ? (Math.max(0, score) / voters[0]!.score) ** 4
          : 0,
    );
    const total = weights.reduce((sum, w) => sum + w, 0);
    if (total === 0) return undefined;
    const shares = [1, 2, 3].map(
      (c) => voters.reduce((sum, { vote }, i) => sum + (vote === c ? weights[i]! : 0), 0) / total,
    );
    const vote = shares.indexOf(Math.max(...shares)) + 1;
    return { mean, shares, vote, neighbor: voters.find((voter) => voter.vote === vote)!.at };
  });
}

describe('extension by k voters', () => {
  it.each([
    ['cosine', 3, 0.7],
    ['cosine', 12, 0.3],
    ['l2', 5, 0.8],
  ] as const)('%s, k = %i: the shares of the definition within the threshold', async (metric, k, threshold) => {
    const [support, queries] = [rows(240, 1), rows(60, 3)];
    const input = { ...queries, support, metric, k, thresholds: threshold };
    const { votes, neighbors, scores, shares } = extendVotes(input);
    expect(await extendVotesAsync(input)).toEqual({ votes, neighbors, scores, shares });
    byDefinition(queries, support, metric, k).forEach((cell, at) => {
      const direct = queries.votes.data[at]!;
      const within = cell && (metric === 'l2' ? cell.mean < threshold : cell.mean > threshold);
      const got = Array.from(shares!.subarray(at * CLASSES, (at + 1) * CLASSES));
      if (!within) {
        expect([votes.data[at], neighbors[at], scores[at]]).toEqual([direct, direct === 0 ? -2 : -1, Number.NaN]);
        expect(got).toEqual([0, 0, 0]);
        return;
      }
      expect([votes.data[at], neighbors[at]]).toEqual([cell.vote, cell.neighbor]);
      expect(scores[at]).toBeCloseTo(cell.mean, 5);
      got.forEach((share, c) => {
        expect(share).toBeCloseTo(cell.shares[c]!, 4);
      });
    });
  });

  it('does not depend on the order of labelling functions or the names of classes', () => {
    const [support, queries] = [rows(200, 5), rows(50, 7)];
    const change = (data: ReturnType<typeof rows>) => ({
      ...data,
      votes: {
        ...data.votes,
        data: data.votes.data.map((_, at, all) => {
          const vote = all[at - (at % LFS) + LFS - 1 - (at % LFS)]!;
          return vote === 0 ? 0 : (vote % CLASSES) + 1;
        }),
      },
    });
    const one = extendVotes({ ...queries, support, k: 4, thresholds: 0.5 });
    const two = extendVotes({ ...change(queries), support: change(support), k: 4, thresholds: 0.5 });
    expect(two.votes.data).toEqual(change({ ...queries, votes: one.votes }).votes.data);
    one.shares!.forEach((share, at) => {
      const [cell, c] = [Math.floor(at / CLASSES), at % CLASSES];
      const mirrored = cell - (cell % LFS) + LFS - 1 - (cell % LFS);
      expect(two.shares![mirrored * CLASSES + ((c + 1) % CLASSES)]).toBeCloseTo(share, 6);
    });
  });

  it('repeating every support row k times with one voter is k voters', () => {
    const [support, queries] = [rows(80, 9), rows(40, 11)];
    const twice = {
      votes: {
        ...support.votes,
        data: Int8Array.of(...support.votes.data, ...support.votes.data),
        shape: [160, LFS] as const,
      },
      embeddings: {
        data: Float32Array.of(...support.embeddings.data, ...support.embeddings.data),
        shape: [160, 3] as const,
      },
    };
    const one = extendVotes({ ...queries, support, thresholds: 0.6 });
    const two = extendVotes({ ...queries, support: twice, k: 2, thresholds: 0.6 });
    expect(two.votes.data).toEqual(one.votes.data);
    expect(two.neighbors).toEqual(one.neighbors);
  });
});

describe('Epoxy with k voters', () => {
  it('counts the soft votes of a row as one vote in the posterior', async () => {
    const [train, fresh] = [rows(300, 13), rows(50, 15)];
    const model = { method: 'majority' } as const;
    const epoxy = await Epoxy.fit({ ...train, k: 3, thresholds: 0.4, model });
    const extended = extendVotes({ ...fresh, support: train, k: 3, thresholds: 0.4 });
    expect(epoxy.extend(fresh)).toEqual(extended);
    // Majority: every direct vote counts one, the e soft ones 1/e each, as shares.
    const proba = epoxy.predictProba(fresh);
    for (let row = 0; row < 50; row++) {
      const cells = Array.from({ length: LFS }, (_, lf) => row * LFS + lf);
      const soft = cells.filter((cell) => extended.neighbors[cell]! >= 0);
      const direct = cells.filter((cell) => extended.neighbors[cell] === -1);
      const sums = [0, 1, 2].map(
        (c) =>
          direct.filter((cell) => fresh.votes.data[cell] === c + 1).length +
          soft.reduce((sum, cell) => sum + extended.shares![cell * CLASSES + c]! / soft.length, 0),
      );
      const total = sums.reduce((a, b) => a + b, 0);
      sums.forEach((sum, c) => {
        expect(proba[row * CLASSES + c]).toBeCloseTo(total === 0 ? 1 / 3 : sum / total, 6);
      });
    }
    expect(await epoxy.predictProbaAsync(fresh)).toEqual(proba);
    expect(await epoxy.predictAsync(fresh)).toEqual(epoxy.predict(fresh));
    expect(epoxy.labels).toEqual(epoxy.predict(train));
    const again = Epoxy.fromJSON(JSON.parse(JSON.stringify(epoxy)), train);
    expect(again.predictProba(fresh)).toEqual(proba);
  });

  it('is the label model alone where nothing is within the threshold', async () => {
    const [train, fresh] = [rows(100, 17), rows(30, 19)];
    const epoxy = await Epoxy.fit({ ...train, k: 5, thresholds: Number.POSITIVE_INFINITY });
    const byModel = LabelModel.fit(train.votes).predictProba(fresh.votes);
    epoxy.predictProba(fresh).forEach((p, at) => {
      expect(p).toBeCloseTo(byModel[at]!, 12);
    });
    expect(epoxy.predict(fresh)).toEqual(LabelModel.fit(train.votes).predict(fresh.votes));
  });
});
