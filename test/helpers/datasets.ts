// The real data sets (../shared/data, described by the README.md there), which not every checkout has beside it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'vitest';
import type { FloatResult, VoteMatrix } from '../../lib/index.js';
import { readNpy } from '../../lib/io/npy.js';

const root = fileURLToPath(new URL('../../../shared/data', import.meta.url));

export function needData(ctx: TestContext): void {
  if (!existsSync(root)) ctx.skip('../shared/data is not beside this checkout');
}

export interface LabelledRows {
  votes: VoteMatrix;
  embeddings: FloatResult;
  labels: Int8Array;
}

/** One split of a binary set (votes -1/0/+1). */
export async function loadSplit(set: 'sms' | 'youtube', split: 'train' | 'valid' | 'test'): Promise<LabelledRows> {
  const load = async (what: string) => readNpy(join(root, set, `${split}_${what}.npy`));
  const [votes, embeddings, labels] = await Promise.all(['votes', 'embeddings', 'labels'].map(load));
  return {
    votes: { data: votes!.data as Int8Array, shape: votes!.shape as [number, number] },
    embeddings: { data: embeddings!.data as Float32Array, shape: embeddings!.shape as [number, number] },
    labels: labels!.data as Int8Array,
  };
}
