// How much own votes, gold rows and the end model count in a posterior: chosen by cross-validation on the gold rows.
import { type EndModelTrainer, mixPosteriors } from './posterior-end-model.js';
import { type Judgement, type PosteriorGraph, ROUNDS, type Settings } from './posterior-graph.js';

/** n votes count as much as sqrt(n) independent ones, times this: votes are dependent, their product overstates them. */
const OWN_WEIGHT = 1;
const OWN_WEIGHTS = [0.5, 0.25];
/** How many rows without a gold label a gold row counts for among neighbours. */
const GOLD_WEIGHT = 10;
const GOLD_WEIGHTS = [3, 30];
/** Shares of the end model that are tried. */
const MIXES = [0.25, 0.5, 0.75, 1];
/** @internal Fewer labels cannot choose between settings. */
export const MIN_GOLD = 10;
const FOLDS = 5;

/** What smoothing was done with, and what it is worth on the gold rows. */
export interface SmoothingReport {
  /** Nearest rows per row; 0: on the gold rows the row's own votes alone did better, neither neighbours nor the end model are used. */
  readonly neighbors: number;
  readonly rounds: number;
  /** A row's own n votes count as ownWeight * sqrt(n) independent ones. */
  readonly ownWeight: number;
  /** How many other rows a gold row counts for as a neighbour; 0: not at all. */
  readonly goldWeight: number;
  /** Share of the end model in the posterior, 0 to 1 (log-linear). */
  readonly endModelWeight: number;
  readonly goldRows: number;
  /** How the weights came about. */
  readonly source: 'default' | 'gold';
  /** With at least 10 gold rows: their accuracy, each predicted with the labels of its fifth hidden. */
  readonly score?: number;
  /** The same from the rows' own votes alone. */
  readonly scoreWithout?: number;
}

/** @internal */
export interface Choice {
  readonly settings: Settings;
  readonly endModelWeight: number;
  readonly report: SmoothingReport;
}

/** Every gold row's posterior from neighbours and an end model that have not seen its label. */
async function crossValidateEndModel(
  graph: PosteriorGraph,
  settings: Settings,
  trainer: EndModelTrainer,
): Promise<Float64Array> {
  const { classes, known } = graph;
  const out = new Float64Array(known.length * classes);
  for (let fold = 0; fold < FOLDS; fold++) {
    const held = known.filter((_, at) => at % FOLDS === fold);
    const seen = known.filter((_, at) => at % FOLDS !== fold);
    const { proba } = await graph.smooth(settings, { fold, folds: FOLDS });
    const model = await trainer.train(proba, seen, held);
    const predicted = await trainer.predict(model, held);
    held.forEach((_, at) => {
      out.set(predicted.subarray(at * classes, (at + 1) * classes), (at * FOLDS + fold) * classes);
    });
  }
  return out;
}

/**
 * @internal The gold weight first, then the own weight at that, then the end model's share; own votes alone if they are
 * right more often than all that. With fewer than 10 gold rows nothing is chosen, and there is no end model.
 * @param trainer undefined: no end model.
 */
export async function choose(graph: PosteriorGraph, trainer: EndModelTrainer | undefined): Promise<Choice> {
  const goldRows = graph.known.length;
  const start = { ownWeight: OWN_WEIGHT, goldWeight: goldRows === 0 ? 0 : GOLD_WEIGHT };
  const common = { rounds: ROUNDS, goldRows } as const;
  if (goldRows < MIN_GOLD) {
    const report = { neighbors: graph.k, ...common, ...start, endModelWeight: 0, source: 'default' } as const;
    return { settings: start, endModelWeight: 0, report };
  }
  const golden = [GOLD_WEIGHT, 0, ...GOLD_WEIGHTS].map((goldWeight) => ({ ...start, goldWeight }));
  const first = await graph.crossValidate(golden, FOLDS);
  let [settings, proba] = [start as Settings, first[0]!];
  let best: Judgement = graph.judge(proba);
  const consider = (tried: readonly Settings[], posteriors: readonly Float64Array[]) => {
    tried.forEach((other, at) => {
      const judged = graph.judge(posteriors[at]!);
      if (judged.loss < best.loss) [settings, proba, best] = [other, posteriors[at]!, judged];
    });
  };
  consider(golden.slice(1), first.slice(1));
  const weaker = OWN_WEIGHTS.map((ownWeight) => ({ ...settings, ownWeight }));
  consider(weaker, await graph.crossValidate(weaker, FOLDS));

  let endModelWeight = 0;
  if (trainer) {
    const model = await crossValidateEndModel(graph, settings, trainer);
    for (const weight of MIXES) {
      const judged = graph.judge(mixPosteriors(proba, model, weight, graph.classes));
      if (judged.loss < best.loss) [endModelWeight, best] = [weight, judged];
    }
  }
  const direct = graph.judge(graph.direct());
  const alone = direct.accuracy > best.accuracy;
  if (alone) [settings, endModelWeight] = [{ ownWeight: 1, goldWeight: 0 }, 0];
  const report: SmoothingReport = {
    neighbors: alone ? 0 : graph.k,
    ...common,
    ...settings,
    endModelWeight,
    source: 'gold',
    score: alone ? direct.accuracy : best.accuracy,
    scoreWithout: direct.accuracy,
  };
  return { settings, endModelWeight, report };
}
