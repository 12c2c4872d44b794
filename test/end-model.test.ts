import { describe, expect, it } from 'vitest';
import { EmbeddingSet, EndModel, type EndModelInput, fitEndModel, fitEndModelAsync } from '../lib/index.js';
import { loadSplit, needData } from './helpers/datasets.js';
import { generator, randomFloats } from './helpers/matrices.js';

const embeddings = randomFloats(400, 12, 1);
const direction = randomFloats(1, 12, 2).data;
/** P(Y = +1) of a known logistic model. */
const truth = Float64Array.from({ length: 400 }, (_, i) => {
  const row = embeddings.data.subarray(i * 12, (i + 1) * 12);
  return 1 / (1 + Math.exp(-3 * row.reduce((sum, x, k) => sum + x * direction[k]!, 0.2)));
});

describe('fitEndModel', () => {
  it('recovers the model that made the probabilities', () => {
    const model = fitEndModel({ embeddings, proba: truth, l2: 1e-7 });
    expect(model.report?.converged).toBe(true);
    const fresh = model.predictProba(embeddings);
    fresh.forEach((p, i) => {
      expect(p).toBeCloseTo(truth[i]!, 2);
    });
    expect(model.predict(embeddings)).toEqual(Int8Array.from(fresh, (p) => (p > 0.5 ? 1 : -1)));
  });

  it('K classes of two are the binary task; a third that never occurs gets next to nothing', () => {
    const two = Float64Array.from({ length: 800 }, (_, at) => (at % 2 ? truth[at >> 1]! : 1 - truth[at >> 1]!));
    const binary = fitEndModel({ embeddings, proba: truth, l2: 0.001 }).predictProba(embeddings);
    const asTwo = fitEndModel({ embeddings, proba: two, classes: 2, l2: 0.001 }).predictProba(embeddings);
    binary.forEach((p, i) => {
      expect(asTwo[2 * i + 1]).toBe(p);
    });
    const three = Float64Array.from(
      { length: 1200 },
      (_, at) => [1 - truth[(at / 3) | 0]!, truth[(at / 3) | 0]!, 0][at % 3]!,
    );
    const model = fitEndModel({ embeddings, proba: three, classes: 3, l2: 0.001 });
    const proba = model.predictProba(embeddings);
    for (let i = 0; i < 400; i++) {
      expect(proba[3 * i]! + proba[3 * i + 1]! + proba[3 * i + 2]!).toBeCloseTo(1, 12);
      expect(proba[3 * i + 2]).toBeLessThan(0.05);
    }
    expect(new Set(model.predict(embeddings))).toEqual(new Set([1, 2]));
  });

  it('rows of weight 0 change nothing; the job and any thread count give the same bits', async () => {
    const next = generator(3);
    const proba = truth.map((p, i) => (i % 4 === 0 ? next() : p));
    const weights = Array.from(proba, (_, i) => (i % 4 === 0 ? 0 : 1));
    const refit = (p: Float64Array) => fitEndModel({ embeddings, proba: p, weights, l2: 0.01 }).toJSON();
    expect(refit(proba)).toEqual(refit(truth));
    const input = { embeddings, proba, l2: 0.01 };
    const once = fitEndModel({ ...input, threads: 1 }).toJSON();
    expect(fitEndModel({ ...input, threads: 2 }).toJSON()).toEqual(once);
    expect((await fitEndModelAsync(input, { copy: true })).toJSON()).toEqual(once);
  });

  it('survives JSON; takes an EmbeddingSet as the rows it holds', async () => {
    const set = new EmbeddingSet(embeddings, { metric: 'dot' });
    const model = fitEndModel({ embeddings: set, proba: truth });
    expect(model.toJSON()).toEqual(fitEndModel({ embeddings, proba: truth }).toJSON());
    const again = EndModel.fromJSON(JSON.parse(JSON.stringify(model)));
    expect(again.predictProba(embeddings)).toEqual(model.predictProba(set));
    expect(await again.predictProbaAsync(set)).toEqual(model.predictProba(set));
    expect(() => EndModel.fromJSON({ ...model.toJSON(), version: 2 })).toThrow(/Expected version 1 for json.version/);
    expect(() => EndModel.fromJSON({ ...model.toJSON(), weights: [1] })).toThrow(/13 finite numbers for json.weights/);
  });

  it('names what does not fit', () => {
    const refuse = (change: object, message: RegExp) =>
      expect(() => fitEndModel({ embeddings, proba: truth, ...change } as EndModelInput)).toThrow(message);
    refuse(
      { proba: truth.map((p, i) => (i === 5 ? 1.5 : p)) },
      /probability in \[0, 1\] for proba\[5\] but received 1.5/,
    );
    refuse({ proba: truth.subarray(1) }, /Expected 400 elements for proba but received 399/);
    refuse({ classes: 3 }, /Expected 1200 elements for proba/);
    refuse({ weights: [1] }, /Expected 400 numbers, one a row for weights/);
    refuse({ weights: new Float64Array(400) }, /a positive weight for weights but received none/);
    refuse({ l2: 0 }, /a number > 0 for l2 but received 0/);
    const data = embeddings.data.slice();
    data[13] = Number.NaN;
    refuse(
      { embeddings: { data, shape: [400, 12] } },
      /finite values for embeddings but received NaN at row 1, column 1/,
    );
  });

  it('sms: trained on gold labels it tells spam from the embedding alone', async (ctx) => {
    needData(ctx);
    const train = await loadSplit('sms', 'train');
    const test = await loadSplit('sms', 'test');
    const proba = Float64Array.from(train.labels, (label) => (label === 1 ? 1 : 0));
    const predicted = fitEndModel({ embeddings: train.embeddings, proba }).predict(test.embeddings);
    expect(predicted.filter((p, i) => p === test.labels[i]).length / predicted.length).toBeGreaterThan(0.95);
  });
});
