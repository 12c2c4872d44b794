// The label model: against FlyingSquid, and against the limits that make it interactive.
import { countVotes, LabelModel } from '../dist/index.js';
import { compare, measure } from './lib/compare.mjs';
import { scatteredVotes } from './lib/data.mjs';
import { threads } from './lib/machine.mjs';
import { floors } from './lib/peaks.mjs';
import { pythonTask } from './lib/peers.mjs';
import { PythonPeer } from './lib/python.mjs';

/** Nearvote's default departs from the reference, so its compatible mode tells whether the re-statement is faithful. */
function sameAsCompat(proba) {
  const model = LabelModel.fit(votes, { method: 'triplet-mean', compat: 'flyingsquid' });
  const differences = model.predictProba(votes).map((p, row) => Math.abs(p - proba[row]));
  return `compat mode within ${Math.max(...differences.subarray(0, 10_000)).toExponential(0)} of it`;
}

const n = 100_000;
const votes = scatteredVotes({ n, m: 10 });
const python = new PythonPeer();
await python.load('votes', votes).catch(() => {});
await compare({
  work: `fit + predict, n = ${n}, m = 10`,
  ours: () => LabelModel.fit(votes, { threads }).predictProba(votes, { threads }),
  peers: [
    // FlyingSquid is in no registry. Its time is its interpreted loop over rows, which peer.py re-states.
    pythonTask(
      python,
      'FlyingSquid, re-stated (see peer.py)',
      'label_model_flyingsquid',
      { votes: 'votes' },
      {
        atLeast: 1000,
        aim: 3000,
        agreement: (_, theirs) => sameAsCompat(theirs.data),
      },
    ),
  ],
  floors: floors({ bytes: n * (2 * 10 + 8) }),
});
python.close();

for (const [m, atMost] of [
  [100, 20],
  [1000, 10_000],
]) {
  const counts = countVotes(scatteredVotes({ n: 20_000, m }));
  await measure({ work: `fit from counts, m = ${m}`, ours: () => LabelModel.fit(counts, { threads }), atMost });
}

const million = scatteredVotes({ n: 1_000_000, m: 50 });
const model = LabelModel.fit(million);
await measure({
  work: 'predictProba, 1 thread, n = 1000000, m = 50 (200 million votes/s: 250 ms)',
  ours: () => model.predictProba(million, { threads: 1 }),
  atMost: 250,
});

const before = countVotes(million);
const batch = scatteredVotes({ n: 1000, m: 50 });
await measure({
  work: 'stream: count 1000 new rows, merge, refit, m = 50',
  ours: () => LabelModel.fit(before.merge(countVotes(batch)), { threads }),
  atMost: 5,
});
