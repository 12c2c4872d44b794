// Both sides of a comparison take turns: nearvote, peer, nearvote, peer ... so that a noisy machine disturbs both alike.
import { setTimeout as pause } from 'node:timers/promises';
import { isa, threads } from './machine.mjs';
import { report } from './report.mjs';
import { median, sampleMs } from './sample.mjs';

const QUIET_MS = 100; // threads of the side that just ran stop spinning

const span = (values) => [Math.min(...values), Math.max(...values)];

/**
 * Measures nearvote and its peers in `rounds` alternating rounds after one unmeasured run of each, and reports one row
 * per peer: medians, the ratio of the medians and its range over the rounds.
 *
 * @param {object} row
 * @param {string} row.work what is done, with its sizes
 * @param {() => unknown} row.ours
 * @param {() => Promise<number>} [row.sample] one run of nearvote in milliseconds, where it is not ours() in this process
 * @param {Peer[]} row.peers
 * @param {{ compute?: number, memory?: number }} [row.floors] milliseconds, see peaks.mjs
 * @param {number} [row.rounds]
 *
 * @typedef {object} Peer
 * @property {string} name with its version
 * @property {string} [missing] why it cannot be measured
 * @property {() => Promise<number>} [sample] one run in milliseconds
 * @property {(ours: any) => Promise<string>} [agreement] compares the results of both first runs
 * @property {number} [atLeast] smallest ratio that is good enough
 * @property {number} [aim]
 */
export async function compare({ work, ours, sample = () => sampleMs(ours), peers, floors = {}, rounds = 5 }) {
  const shared = { work, isa, threads, floors };
  const present = [];
  const result = await ours();
  for (const peer of peers) {
    try {
      if (peer.missing) throw new Error(peer.missing);
      await peer.sample();
      present.push({ ...peer, times: [], agrees: await peer.agreement?.(result) });
    } catch (error) {
      report({ ...shared, peer: peer.name, missing: error.message });
    }
  }
  const times = [];
  for (let round = 0; round < rounds; round++) {
    await pause(QUIET_MS);
    times.push(await sample());
    for (const peer of present) {
      await pause(QUIET_MS);
      peer.times.push(await peer.sample());
    }
  }
  const ms = median(times);
  for (const peer of present) {
    const peerMs = median(peer.times);
    report({
      ...shared,
      ms,
      range: span(times),
      peer: peer.name,
      peerMs,
      peerRange: span(peer.times),
      ratio: peerMs / ms,
      ratioRange: span(peer.times.map((time, round) => time / times[round])),
      atLeast: peer.atLeast,
      aim: peer.aim,
      agreement: peer.agrees,
    });
  }
}

/** Nearvote alone against an absolute limit in milliseconds. */
export async function measure({ work, ours, atMost, floors = {}, rounds = 5, note }) {
  await ours();
  const times = [];
  for (let round = 0; round < rounds; round++) {
    await pause(QUIET_MS);
    times.push(await sampleMs(ours));
  }
  report({ work, isa, threads, ms: median(times), range: span(times), atMost, floors, agreement: note });
}

/** Share of equal entries, as text. */
export function equalShare(a, b, what) {
  let equal = 0;
  for (let at = 0; at < a.length; at++) if (a[at] === b[at]) equal++;
  const share = equal === a.length ? '100' : ((100 * equal) / a.length).toFixed(4);
  return `${share} % of ${what} equal`;
}

/** Largest absolute difference, as text. */
export function largestDifference(a, b) {
  let largest = 0;
  for (let at = 0; at < a.length; at++) largest = Math.max(largest, Math.abs(a[at] - b[at]));
  return `largest difference ${largest.toExponential(1)}`;
}
