// How much own votes, gold rows and the end model count in a posterior: chosen by cross-validation on the gold rows.
import { type EndModelTrainer, mixPosteriors } from './posterior-end-model.js';
import {
  type Beliefs,
  type Judgement,
  type PosteriorGraph,
  ROUNDS,
  type Settings,
  SMALLEST_LOSS_PROBA,
} from './posterior-graph.js';

/** n votes count as much as sqrt(n) independent ones, times this: votes are dependent, their product overstates them. */
const OWN_WEIGHT = 1;
const OWN_WEIGHTS = [0.5, 0.25];
/** How many rows without a gold label a gold row counts for among neighbours. */
const GOLD_WEIGHT = 10;
const GOLD_WEIGHTS = [3, 30];
/** Shares of the end model that are tried. */
const MIXES = [0.25, 0.5, 0.75, 1];
/** Fewer labels cannot choose between settings. */
const MIN_GOLD = 10;
const FOLDS = 5;
/** Without gold: rows with votes that judge the end model, folds of them, and the shares that are tried. */
const MAX_JUDGES = 1000;
const MIN_JUDGES = 30;
const JUDGE_FOLDS = 3;
const MIXES_WITHOUT_GOLD = [0.25, 0.5];

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
  /** How the weights came about; 'default': that of the end model by votes. */
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

/** The gold rows in folds of every fifth one, each with the beliefs that the labels of the others give. */
async function* folds(graph: PosteriorGraph, settings: Settings, count: number) {
  for (let fold = 0; fold < count; fold++) {
    const held = graph.known.filter((_, at) => at % count === fold);
    const clamped = count === 1 ? [] : graph.known.filter((_, at) => at % count !== fold);
    const beliefs = await graph.propagate(settings, settings.goldWeight === 0 ? [] : clamped);
    const place = (all: Float64Array, proba: Float64Array) => {
      const classes = proba.length / held.length;
      held.forEach((_, at) => {
        all.set(proba.subarray(at * classes, (at + 1) * classes), (at * count + fold) * classes);
      });
    };
    yield { held, clamped, beliefs, place } satisfies { beliefs: Beliefs; [other: string]: unknown };
  }
}

/** Every gold row's posterior, predicted without its own label. */
async function crossValidate(graph: PosteriorGraph, settings: Settings): Promise<Float64Array> {
  const out = new Float64Array(graph.known.length * graph.classes);
  // Where gold rows count for nothing, hiding them changes nothing.
  for await (const { held, beliefs, place } of folds(graph, settings, settings.goldWeight === 0 ? 1 : FOLDS)) {
    place(out, await graph.smooth(beliefs, settings.ownWeight, held));
  }
  return out;
}

/** The same beside an end model that has not seen the row either. */
async function crossValidateEndModel(
  graph: PosteriorGraph,
  settings: Settings,
  trainer: EndModelTrainer,
): Promise<Float64Array> {
  const out = new Float64Array(graph.known.length * graph.classes);
  for await (const { held, clamped, beliefs, place } of folds(graph, settings, FOLDS)) {
    const proba = await graph.smooth(beliefs, settings.ownWeight, graph.all());
    const model = await trainer.train(proba, clamped, held);
    place(out, await trainer.predict(model, held));
  }
  return out;
}

/**
 * The end model's share without gold: rows whose own votes are hidden judge how well neighbours, and the end model, foretell
 * what these votes say (log-loss against their posterior, the classes weighed alike).
 */
async function endModelByVotes(graph: PosteriorGraph, trainer: EndModelTrainer): Promise<number> {
  const voted = trainer.nodes.filter((node) => graph.hasVotes(node) && graph.labels[node]! < 0);
  if (voted.length < MIN_JUDGES) return 0;
  const step = Math.max(1, voted.length / MAX_JUDGES);
  const judges = Array.from({ length: Math.min(MAX_JUDGES, voted.length) }, (_, at) => voted[Math.floor(at * step)]!);
  const settings = { ownWeight: OWN_WEIGHT, goldWeight: graph.known.length === 0 ? 0 : GOLD_WEIGHT };
  const { classes } = graph;
  const losses = new Map([0, ...MIXES_WITHOUT_GOLD].map((weight) => [weight, new Float64Array(classes)]));
  for (let fold = 0; fold < JUDGE_FOLDS; fold++) {
    const held = judges.filter((_, at) => at % JUDGE_FOLDS === fold);
    const blind = graph.hiding(held);
    const beliefs = await blind.propagate(settings, graph.known);
    const all = await blind.smooth(beliefs, settings.ownWeight, graph.all());
    const model = await trainer.predict(await trainer.train(all, graph.known, held), held);
    const near = Float64Array.from({ length: model.length }, (_, at) => {
      return all[held[Math.floor(at / classes)]! * classes + (at % classes)]!;
    });
    const own = graph.direct(held);
    for (const [weight, sums] of losses) {
      mixPosteriors(near, model, weight, classes).forEach((p, at) => {
        const row = own.subarray(at - (at % classes), at - (at % classes) + classes);
        sums[row.indexOf(Math.max(...row))]! -= own[at]! * Math.log(Math.max(SMALLEST_LOSS_PROBA, p));
      });
    }
  }
  const named = new Float64Array(classes);
  const own = graph.direct(judges);
  for (let at = 0; at < own.length; at += classes) {
    const row = own.subarray(at, at + classes);
    named[row.indexOf(Math.max(...row))]! += 1;
  }
  let best = { weight: 0, loss: Number.POSITIVE_INFINITY };
  for (const [weight, sums] of losses) {
    const loss = sums.reduce((total, sum, y) => total + (named[y]! > 0 ? sum / named[y]! : 0), 0);
    if (loss < best.loss) best = { weight, loss };
  }
  return best.weight;
}

/**
 * @internal The gold weight first, then the own weight at that, then the end model's share; own votes alone if they are
 * right more often than all that.
 * @param trainer undefined: no end model.
 */
export async function choose(graph: PosteriorGraph, trainer: EndModelTrainer | undefined): Promise<Choice> {
  const goldRows = graph.known.length;
  const start = { ownWeight: OWN_WEIGHT, goldWeight: goldRows === 0 ? 0 : GOLD_WEIGHT };
  const common = { rounds: ROUNDS, goldRows } as const;
  if (goldRows < MIN_GOLD) {
    const endModelWeight = trainer ? await endModelByVotes(graph, trainer) : 0;
    const report = { neighbors: graph.k, ...common, ...start, endModelWeight, source: 'default' } as const;
    return { settings: start, endModelWeight, report };
  }
  let proba = await crossValidate(graph, start);
  let settings: Settings = start;
  let best: Judgement = graph.judge(proba);
  const consider = async (other: Settings) => {
    const tried = await crossValidate(graph, other);
    const judged = graph.judge(tried);
    if (judged.loss < best.loss) [settings, proba, best] = [other, tried, judged];
  };
  for (const goldWeight of [0, ...GOLD_WEIGHTS]) await consider({ ...start, goldWeight });
  for (const ownWeight of OWN_WEIGHTS) await consider({ ownWeight, goldWeight: settings.goldWeight });

  let endModelWeight = 0;
  if (trainer) {
    const model = await crossValidateEndModel(graph, settings, trainer);
    for (const weight of MIXES) {
      const judged = graph.judge(mixPosteriors(proba, model, weight, graph.classes));
      if (judged.loss < best.loss) [endModelWeight, best] = [weight, judged];
    }
  }
  const direct = graph.judge(graph.direct(graph.known));
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
