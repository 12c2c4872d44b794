// How much own votes, gold rows and the end model count in a posterior: chosen by cross-validation on the gold rows.
import { type EndModelSource, type EndModelTrainer, withEndModel } from './posterior-end-model.js';
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
  /** What the end model was trained on; absent where its share is 0. */
  readonly endModelSource?: EndModelSource;
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
  readonly endModelSource: EndModelSource;
  readonly report: SmoothingReport;
}

/** The gold rows in folds of every fifth one: rows held out, rows seen, and a place for what is said of those held out. */
function* folds({ known, classes }: PosteriorGraph, out: Float64Array) {
  for (let fold = 0; fold < FOLDS; fold++) {
    const held = known.flatMap((row, at) => (at % FOLDS === fold ? [{ row, at }] : []));
    const place = (proba: Float64Array) =>
      held.forEach(({ at }, i) => {
        out.set(proba.subarray(i * classes, (i + 1) * classes), at * classes);
      });
    const seen = known.filter((_, at) => at % FOLDS !== fold);
    yield { fold, held: held.map(({ row }) => row), seen, place };
  }
}

/** What an end model says of every gold row, where it has not seen the row's label. */
async function crossValidateEndModel(
  graph: PosteriorGraph,
  settings: Settings,
  trainer: EndModelTrainer,
  source: EndModelSource,
): Promise<Float64Array> {
  const out = new Float64Array(graph.known.length * graph.classes);
  for (const { fold, held, seen, place } of folds(graph, out)) {
    const train = async () => {
      if (source === 'gold') return trainer.trainOnGold(seen);
      const { proba } = await graph.smooth(settings, { fold, folds: FOLDS });
      return trainer.train(proba, seen, held);
    };
    place(await trainer.predict(await train(), held));
  }
  return out;
}

/** Whether the mean loss is below another by more than the standard error of the difference. */
function clearlyBelow({ losses, loss }: Judgement, other: Judgement): boolean {
  const gain = other.loss - loss;
  const squares = losses.reduce((sum, one, at) => sum + (other.losses[at]! - one - gain) ** 2, 0);
  return gain > Math.sqrt(squares / (losses.length - 1) / losses.length);
}

/**
 * @internal The gold weight first, then the own weight at that, then the end model's share; own votes alone if they are
 * right more often than all that. With fewer than 10 gold rows nothing is chosen, and there is no end model. One that
 * learns from the gold labels alone is considered where every class has at least 5 of them, and taken where its log-loss
 * is lower by more than a standard error: it leaves out what all other rows know.
 * @param trainer undefined: no end model.
 */
export async function choose(graph: PosteriorGraph, trainer: EndModelTrainer | undefined): Promise<Choice> {
  const goldRows = graph.known.length;
  const start = { ownWeight: OWN_WEIGHT, goldWeight: goldRows === 0 ? 0 : GOLD_WEIGHT };
  const common = { rounds: ROUNDS, goldRows } as const;
  if (goldRows < MIN_GOLD) {
    const report = { neighbors: graph.k, ...common, ...start, endModelWeight: 0, source: 'default' } as const;
    return { settings: start, endModelWeight: 0, endModelSource: 'posteriors', report };
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
  let endModelSource: EndModelSource = 'posteriors';
  if (trainer) {
    const own = trainer.own(graph.known, settings.ownWeight);
    const shares = async (source: EndModelSource) => {
      const said = await crossValidateEndModel(graph, settings, trainer, source);
      const prior = source === 'gold' ? trainer.frequencies(graph.known) : undefined;
      return MIXES.map((weight) => {
        return { weight, ...graph.judge(withEndModel(proba, said, { weight, prior }, own)) };
      }).reduce((least, one) => (one.loss < least.loss ? one : least));
    };
    const taught = await shares('posteriors');
    if (taught.loss < best.loss) [endModelWeight, best] = [taught.weight, taught];
    if (graph.rarest >= FOLDS) {
      const alone = await shares('gold');
      if (clearlyBelow(alone, best)) [endModelWeight, endModelSource, best] = [alone.weight, 'gold', alone];
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
    ...(endModelWeight > 0 && { endModelSource }),
    source: 'gold',
    score: alone ? direct.accuracy : best.accuracy,
    scoreWithout: direct.accuracy,
  };
  return { settings, endModelWeight, endModelSource, report };
}
