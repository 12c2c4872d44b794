// The arguments of Epoxy.fit, checked once and before anything is computed.
import { checkMetric, checkOptions, checkSpelling, checkThresholds, checkVotes, rangeError } from './check.js';
import { EmbeddingSet } from './embedding-set.js';
import type { CheckedInput, EpoxyInput } from './epoxy-types.js';
import { shapedRows } from './extend-input.js';
import { checkGold } from './gold.js';

const NAMES = [
  'votes',
  'embeddings',
  'metric',
  'extension',
  'thresholds',
  'transform',
  'gold',
  'k',
  'endModel',
  'partitions',
  'model',
  'threads',
  'device',
];

/** @internal @param copy nothing of what comes back shares memory with what was given. */
export function checkEpoxyInput(input: EpoxyInput, copy: boolean): CheckedInput {
  checkSpelling(checkOptions(input, 'input'), NAMES, 'input');
  const given = input.embeddings;
  const metric = checkMetric(input.metric ?? (given instanceof EmbeddingSet ? given.metric : 'cosine'));
  const { votes, embeddings } = shapedRows(input, '', copy);
  const [, rows] = EmbeddingSet.operand(embeddings, 'embeddings', metric);
  if (votes.shape[0] !== rows) throw rangeError(`${rows} rows (as in embeddings)`, 'votes', String(votes.shape[0]));
  const thresholds = input.thresholds ?? 'auto';
  return {
    ...input,
    votes,
    embeddings,
    metric,
    thresholds: thresholds === 'auto' ? thresholds : checkThresholds(thresholds, votes.shape[1]),
    gold: input.gold === undefined ? undefined : checkGold(input.gold, checkVotes(votes, 'votes'), copy),
    model: copy ? structuredClone(input.model) : input.model,
  };
}
