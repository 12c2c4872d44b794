// The real data sets (../shared/data, described by the README.md there), which not every checkout has beside it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'vitest';
import type { FloatResult, VoteMatrix } from '../../lib/index.js';
import { readNpy } from '../../lib/io/npy.js';

const root = fileURLToPath(new URL('../../../shared/data', import.meta.url));

export const hasData = existsSync(root);

export function needData(ctx: TestContext): void {
  if (!hasData) ctx.skip('../shared/data is not beside this checkout');
}

export interface LabelledRows {
  votes: VoteMatrix;
  embeddings: FloatResult;
  labels: Int8Array;
}

/** One split: binary sets with votes -1/0/+1, trec with 0..6 (on disk -1 abstains, classes 0..5). */
export async function loadSplit(
  set: 'sms' | 'youtube' | 'trec',
  split: 'train' | 'valid' | 'test',
): Promise<LabelledRows> {
  const load = async (what: string) => readNpy(join(root, set, `${split}_${what}.npy`));
  const [votes, embeddings, labels] = await Promise.all(['votes', 'embeddings', 'labels'].map(load));
  const shift = set === 'trec' ? 1 : 0;
  const int8 = (array: typeof votes) => (array!.data as Int8Array).map((value) => value + shift);
  return {
    votes: {
      data: int8(votes),
      shape: votes!.shape as [number, number],
      ...(set === 'trec' && { classes: 6 }),
    },
    embeddings: { data: embeddings!.data as Float32Array, shape: embeddings!.shape as [number, number] },
    labels: int8(labels),
  };
}
