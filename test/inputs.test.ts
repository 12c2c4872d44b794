// How Epoxy and sessions take what they are given: copied when asked, with `dims`, sets of a metric, names of options.
import { describe, expect, it } from 'vitest';
import {
  countVotes,
  EmbeddingSet,
  Epoxy,
  type EpoxyInput,
  extendVotes,
  LabelModel,
  pairwiseDistances,
  Session,
  topK,
  type VoteMatrix,
} from '../lib/index.js';
import { randomFloats, randomVotes } from './helpers/matrices.js';
import { wrong } from './helpers/wrong-arguments.js';

const rows = () => ({ votes: randomVotes(240, 4, 0.3, 1), embeddings: randomFloats(240, 8, 2) });
const goldRows = () => ({
  votes: randomVotes(30, 4, 0.5, 3),
  embeddings: randomFloats(30, 8, 4),
  labels: Int8Array.from({ length: 30 }, (_, row) => (row % 3 === 0 ? 1 : -1)),
});
const dimsOf = ({ data, shape }: VoteMatrix) => ({ data, dims: shape });

/** Overwrites every number in reach, as a caller may once a call with `copy` has returned. */
function overwrite(value: unknown): void {
  if (value instanceof Float32Array) value.fill(0.25);
  else if (value instanceof Int8Array) value.fill(-1);
  else if (Array.isArray(value) && value.every((v) => typeof v === 'number')) value.fill(0.5);
  else if (typeof value === 'object' && value !== null) Object.values(value).forEach(overwrite);
}

describe('copy', () => {
  const ways: [name: string, how: () => Partial<EpoxyInput>][] = [
    ['posteriors', () => ({})],
    ['posteriors, gold rows', () => ({ gold: goldRows() })],
    ['a transform and a class balance', () => ({ transform: 'centre', model: { classBalance: [0.3, 0.7] } })],
    ['given thresholds', () => ({ thresholds: [0.1, 0.2, 0.3, 0.4] })],
    ['thresholds by gold, three voters', () => ({ extension: 'votes', k: 3, gold: goldRows() })],
    ['partitions', () => ({ extension: 'votes', thresholds: 0.2, partitions: 2 })],
  ];
  for (const [name, how] of ways)
    it(`lets the caller overwrite what it gave: ${name}`, async () => {
      const expected = await Epoxy.fit({ ...rows(), ...how() });
      const input = { ...rows(), ...how() };
      const fitting = Epoxy.fit(input, { copy: true });
      overwrite(input);
      const epoxy = await fitting;
      expect(epoxy.proba).toEqual(expected.proba);

      const fresh = [rows(), rows(), rows()];
      const jobs = [
        epoxy.predictProbaAsync(fresh[0]!, { copy: true }),
        epoxy.predictAsync(fresh[1]!, { copy: true }),
        epoxy.extendAsync(fresh[2]!, { copy: true }),
      ] as const;
      overwrite(fresh);
      const [proba, labels, extended] = await Promise.all(jobs);
      expect(proba).toEqual(expected.predictProba(rows()));
      expect(labels).toEqual(expected.predict(rows()));
      expect(extended).toEqual(expected.extend(rows()));
    });

  it('lets the caller of Session.open overwrite votes too', async () => {
    const input = () => {
      const { votes, embeddings } = rows();
      const column = (lf: number) => Int8Array.from({ length: 240 }, (_, row) => votes.data[4 * row + lf]!);
      return { embeddings, lfs: ['a', 'b'].map((name, lf) => ({ name, votes: column(lf) })) };
    };
    const given = input();
    const opening = Session.open(given, { copy: true });
    overwrite(given);
    expect((await opening).proba).toEqual((await Session.open(input())).proba);
  });
});

describe('votes with dims', () => {
  it('are votes with that shape', async () => {
    const { votes, embeddings } = rows();
    const gold = goldRows();
    const tensors = { votes: dimsOf(votes), embeddings };
    for (const how of [{}, { thresholds: 0.2 }, { transform: 'auto' as const, partitions: 2 }]) {
      const epoxy = await Epoxy.fit({ ...tensors, gold: { ...gold, votes: dimsOf(gold.votes) }, ...how });
      const expected = await Epoxy.fit({ votes, embeddings, gold, ...how });
      expect(epoxy.proba).toEqual(expected.proba);
      expect(epoxy.predict(tensors)).toEqual(expected.predict({ votes, embeddings }));
      const loaded = Epoxy.fromJSON(JSON.parse(JSON.stringify(expected)), wrong(tensors));
      if (!('transform' in how)) expect(loaded.predict(tensors)).toEqual(expected.predict(tensors));
    }
    expect(extendVotes({ ...tensors, thresholds: 0.2, k: 3 })).toEqual(
      extendVotes({ votes, embeddings, thresholds: 0.2, k: 3 }),
    );
    expect(LabelModel.fit(tensors.votes).predict(tensors.votes)).toEqual(LabelModel.fit(votes).predict(votes));
  });
});

describe('the metric of an EmbeddingSet', () => {
  const { votes, embeddings } = rows();
  it('is the metric, unless another is stated', async () => {
    const set = new EmbeddingSet(embeddings, { metric: 'l2' });
    const expected = await Epoxy.fit({ votes, embeddings, metric: 'l2' });
    expect((await Epoxy.fit({ votes, embeddings: set })).proba).toEqual(expected.proba);
    await expect(Epoxy.fit({ votes, embeddings: set, metric: 'cosine' })).rejects.toThrow(
      "Expected an EmbeddingSet with metric 'cosine' for embeddings but received one with metric 'l2'",
    );
  });
});

it('an option that is undefined is left out, also where the types are exact', () => {
  const { embeddings: m, votes } = rows();
  const metric = undefined;
  expect(topK(m, m, { k: 2, metric })).toEqual(topK(m, m, { k: 2 }));
  expect(pairwiseDistances(m, m, { metric, out: undefined, precise: undefined })).toEqual(pairwiseDistances(m, m));
  expect(new EmbeddingSet(m, { metric }).metric).toBe('cosine');
  expect(countVotes({ ...votes, classes: undefined }).toJSON()).toEqual(countVotes(votes).toJSON());
});

describe('what would be ignored or misread is refused', () => {
  const { votes, embeddings } = rows();
  const gold = goldRows();
  const cases: [title: string, run: () => unknown, message: string][] = [
    [
      'the name that sessions have for it',
      () => Epoxy.fit(wrong({ votes, embeddings, threshold: 0.9 })),
      "Expected 'thresholds' for input but received 'threshold'",
    ],
    [
      'another spelling',
      () => Epoxy.fit(wrong({ votes, embeddings, end_model: false })),
      "Expected 'endModel' for input but received 'end_model'",
    ],
    [
      'the name that Epoxy has for it',
      () => Session.open(wrong({ embeddings, thresholds: 0.9 })),
      "Expected 'threshold' for input but received 'thresholds'",
    ],
    [
      'an option that the label model does not have',
      () => Epoxy.fit(wrong({ votes, embeddings, model: { class_balance: [0.9, 0.1] } })),
      "for options but received 'class_balance'",
    ],
    [
      'two labels for one row',
      () => Epoxy.fit({ votes, embeddings, gold: { rows: [5, 7, 5], labels: [1, 1, -1] } }),
      'Expected one label for row 5 for gold.labels[2] but received -1 after 1',
    ],
    [
      'two labels for one row of a session',
      () => Session.open({ embeddings, gold: { rows: [5, 5], labels: [1, -1] } }),
      'Expected one label for row 5 for gold.labels[1] but received -1 after 1',
    ],
    [
      'gold rows that are no list',
      () => Epoxy.fit({ votes, embeddings, gold: wrong({ rows: undefined, labels: [1] }) }),
      'Expected an array of row numbers for gold.rows but received undefined',
    ],
    [
      'gold rows of other labelling functions',
      () => Epoxy.fit({ votes, embeddings, gold: { ...gold, votes: randomVotes(30, 3, 0.5, 1) } }),
      'Expected 4 labelling functions (as in votes) for gold.votes but received 3',
    ],
    [
      'labelling functions that are no list',
      () => Session.open({ embeddings, lfs: wrong({ a: new Int8Array(240) }) }),
      'Expected an array of { name, votes } for lfs but received an object with keys {a}',
    ],
    [
      'a name that is none',
      async () => (await Session.open({ embeddings })).removeLf(wrong(undefined)),
      'Expected a name for name but received undefined',
    ],
    [
      'a path that is none',
      () => Session.load(wrong(undefined), { embeddings }),
      'Expected a name for path but received undefined',
    ],
    ['no options', () => Epoxy.fit({ votes, embeddings }, wrong(null)), 'Expected an object for options'],
  ];
  for (const [title, run, message] of cases)
    it(title, async () => {
      await expect((async () => run())()).rejects.toThrow(message);
    });

  it('a policy that is none, under either extension', async () => {
    for (const how of [{}, { thresholds: 0.2 }]) {
      const epoxy = await Epoxy.fit({ votes, embeddings, ...how });
      expect(() => epoxy.predict({ votes, embeddings }, { ties: wrong('random') })).toThrow(
        "Expected one of 'abstain', 'prior' for ties but received \"random\"",
      );
    }
  });

  it('but rows may carry what belongs to them', async () => {
    const train = { votes, embeddings, labels: new Int8Array(240), texts: [] };
    expect((await Epoxy.fit(train)).labels).toEqual((await Epoxy.fit({ votes, embeddings })).labels);
  });
});
