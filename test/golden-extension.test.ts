// Parity of vote extension with the recorded results of the reference (see README.md beside them).
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { extendVotes, type FloatMatrix, type Metric, NearestVoters, type VoteMatrix } from '../lib/index.js';
import { goldenArray, goldenJson, goldenMatrix, needGolden } from './helpers/golden.js';
import { fromRows, votesFromRows } from './helpers/matrices.js';

interface RecordedCase {
  L_support: string;
  L_query: string;
  E_support: string;
  E_query: string;
  metrics: Record<
    'cosine' | 'l2',
    {
      thresholds: number[][];
      closest_pos: string;
      closest_neg: string;
      outputs: { correct_rule_float64: string };
      ambiguous_mask: string;
    }
  >;
}

const CASES = ['syn_a', 'syn_b', 'syn_c', 'syn_d', 'syn_self', 'real_bert', 'real_liger'];

async function load(name: string, metric: 'cosine' | 'l2') {
  const recorded = goldenJson<RecordedCase>('extension', `${name}.json`);
  const part = async (votesFile: string, embeddingsFile: string) => {
    const votes: VoteMatrix = await goldenMatrix('extension', votesFile, Int8Array);
    const embeddings: FloatMatrix = await goldenMatrix('extension', embeddingsFile, Float32Array);
    return { votes, embeddings };
  };
  const support = await part(recorded.L_support, recorded.E_support);
  const queries = await part(recorded.L_query, recorded.E_query);
  return { support, queries, ...recorded.metrics[metric] };
}

describe.each(CASES)('%s', (name) => {
  describe.each(['cosine', 'l2'] as const)('%s', (metric) => {
    it('extends as the correct rule does, outside the ambiguous cells', async (ctx) => {
      needGolden(ctx);
      const { support, queries, thresholds, outputs, ambiguous_mask } = await load(name, metric);
      const { data: expected } = await goldenArray('extension', outputs.correct_rule_float64, Int8Array);
      const { data: ambiguous } = await goldenArray('extension', ambiguous_mask, Int8Array);
      const voters = new NearestVoters({ ...queries, support, metric });
      const cells = queries.votes.data.length;
      const wrong: string[] = [];
      for (const [t, threshold] of thresholds.entries()) {
        const extended = extendVotes({ ...queries, support, metric, thresholds: threshold });
        expect(voters.extend(threshold)).toEqual(extended.votes);
        for (let cell = 0; cell < cells; cell++) {
          const at = t * cells + cell;
          if (!ambiguous[at] && extended.votes.data[cell] !== expected[at])
            wrong.push(`threshold ${t}, cell ${cell}: ${extended.votes.data[cell]} instead of ${expected[at]}`);
        }
      }
      expect(wrong).toEqual([]);
    });

    it('finds the recorded best score of either class', async (ctx) => {
      needGolden(ctx);
      const { support, queries, closest_pos, closest_neg } = await load(name, metric);
      const voters = new NearestVoters({ ...queries, support, metric });
      for (const [classIndex, file] of [closest_neg, closest_pos].entries()) {
        const { data: recorded } = await goldenArray('extension', file, Float64Array);
        const { neighbors, scores } = voters.nearest(classIndex);
        const wrong: string[] = [];
        for (const [cell, value] of recorded.entries()) {
          const mine = scores[cell] as number;
          // NaN: a direct vote. -1 for a class without support, the reference's filling, is infinitely far away here.
          const none = Number.isNaN(value) || (value === -1 && neighbors[cell] === -1);
          const right = none
            ? mine === (metric === 'l2' ? Infinity : -Infinity)
            : Math.abs(mine - value) <= (metric === 'l2' ? 1e-4 * value : 2e-6);
          if (!right) wrong.push(`cell ${cell}: ${mine} instead of ${value}`);
        }
        expect(wrong).toEqual([]);
      }
    });
  });
});

// Every hand-made case, decided by the rules of this package, and every reference method that decides it otherwise.
type Method = 'sklearn' | 'pytorch' | 'faiss';
interface Decision {
  votes: number[][];
  differs: Partial<Record<Method, string>>;
}
const noL2 = { faiss: 'has no l2 at all' };
const fartherClass = {
  ...noL2,
  sklearn: 'compares distances the wrong way round: the farther class wins',
  pytorch: 'compares distances the wrong way round: the farther class wins',
};
const firstOfTied = { faiss: 'takes the voter of the lowest index where classes tie' };
const DECISIONS: Record<string, Decision> = {
  'cos tie pos/neg +first': { votes: [[0]], differs: firstOfTied },
  'cos tie pos/neg -first': { votes: [[0]], differs: firstOfTied },
  'cos threshold equal': { votes: [[0]], differs: {} },
  'cos empty support': { votes: [[0]], differs: {} },
  'cos only neg, antipodal': {
    votes: [[-1]],
    differs: {
      sklearn: 'fills the empty class with -1, which ties with a similarity of -1',
      pytorch: 'fills the empty class with -1, which ties with a similarity of -1',
    },
  },
  'cos zero query': {
    votes: [[0]],
    differs: {
      sklearn: 'gives a row without direction the similarity 0 and lets it receive votes',
      faiss: 'gives a row without direction the similarity 0 and lets it receive votes',
    },
  },
  'cos zero support vector': { votes: [[1]], differs: { pytorch: 'NaN of one zero row spoils its class' } },
  'cos zero support vector of the other class': {
    votes: [[1]],
    differs: { pytorch: 'NaN of one zero row spoils both classes' },
  },
  'cos no abstains': { votes: [[1], [-1]], differs: {} },
  'cos two nearest': { votes: [[-1], [1]], differs: {} },
  'l2 pos d=1 neg d=3 thr 0.5': { votes: [[0]], differs: noL2 },
  'l2 pos d=1 neg d=3 thr 1.5': { votes: [[1]], differs: fartherClass },
  'l2 pos d=1 neg d=3 thr 3.5': { votes: [[1]], differs: fartherClass },
  'l2 one-sided pos': { votes: [[1]], differs: noL2 },
  'l2 one-sided neg': { votes: [[-1]], differs: noL2 },
  'l2 threshold equal': { votes: [[0]], differs: noL2 },
  'l2 exact duplicate': { votes: [[1]], differs: fartherClass },
  'l2 tie': { votes: [[0]], differs: noL2 },
  'l2 empty': { votes: [[0]], differs: noL2 },
};

interface EdgeCase {
  name: string;
  metric: string;
  L_support: number[][];
  E_support: number[][];
  L_query: number[][];
  E_query: number[][];
  thresholds: number[];
  outputs: Record<Method, number[][] | { error: string }>;
}

describe('edge cases', () => {
  const cases = () => goldenJson<{ cases: EdgeCase[] }>('extension', 'edge_cases.json').cases;
  const run = (edge: EdgeCase) =>
    extendVotes({
      votes: votesFromRows(edge.L_query),
      embeddings: fromRows(edge.E_query),
      support: { votes: votesFromRows(edge.L_support), embeddings: fromRows(edge.E_support) },
      thresholds: edge.thresholds,
      metric: edge.metric as Metric,
    });

  for (const [name, { votes, differs }] of Object.entries(DECISIONS)) {
    it(name, (ctx) => {
      needGolden(ctx);
      const edge = cases().find((c) => c.name === name) as EdgeCase;
      expect(run(edge).votes).toEqual(votesFromRows(votes));
      const differing = Object.entries(edge.outputs).filter(([, output]) => !isDeepStrictEqual(output, votes));
      expect(differing.map(([method]) => method).sort()).toEqual(Object.keys(differs).sort());
    });
  }

  it('has a decision for every recorded case; the metric L2 in capitals is refused', (ctx) => {
    needGolden(ctx);
    const [refused, decided] = [cases().filter((c) => c.metric === 'L2'), cases().filter((c) => c.metric !== 'L2')];
    expect(decided.map((c) => c.name).sort()).toEqual(Object.keys(DECISIONS).sort());
    for (const edge of refused)
      expect(() => run(edge)).toThrow("Expected one of 'cosine', 'dot', 'l2' for metric but received \"L2\"");
  });
});
