// Rows as text, and to the process that runs all benchmarks.
import { machineLine } from './machine.mjs';

/** Three digits and a fitting unit. */
export function time(ms) {
  if (ms === undefined) return '-';
  const [value, unit] = ms >= 1000 ? [ms / 1000, 's'] : ms >= 1 ? [ms, 'ms'] : [ms * 1000, 'µs'];
  return `${Number(value.toPrecision(3))} ${unit}`;
}

const factor = (ratio) => `${ratio >= 100 ? Math.round(ratio) : Number(ratio.toPrecision(2 + (ratio >= 10)))}x`;

/** 'aim met', 'met', 'missed by 1.3x', or '' where nothing was asked. */
export function verdict({ missing, ratio, ms, value, atLeast, aim, atMost }) {
  if (missing !== undefined) return 'not measured';
  const reached = atMost === undefined ? ratio : atMost / (value ?? ms);
  const asked = atMost === undefined ? atLeast : 1;
  if (asked === undefined) return '';
  if (reached < asked) return `missed by ${(asked / reached).toFixed(2)}x`;
  return aim !== undefined && reached >= aim ? 'aim met' : 'met';
}

/** The cells of a row: work, ISA, nearvote, peer, ratio, asked, floors, agreement. */
export function cells(row) {
  const { work, isa, missing, ms, range, value, unit, peer, peerMs, ratio, ratioRange, floors = {} } = row;
  const ours = value === undefined ? `${time(ms)} (${range?.map(time).join(' to ')})` : `${value} ${unit}`;
  const theirs = peer === undefined ? '' : `${peer}: ${time(peerMs)}`;
  const limit = value === undefined ? time(row.atMost) : `${row.atMost} ${unit}`;
  const asked =
    row.atMost === undefined
      ? [row.atLeast, row.aim].map((ask, at) => ask && `${at ? 'aim' : 'at least'} ${ask}x`).filter(Boolean)
      : [`at most ${limit}`];
  return {
    work,
    isa,
    nearvote: missing === undefined ? ours : '',
    peer: missing === undefined ? theirs : `${peer}: missing (${missing})`,
    ratio: ratio === undefined ? '' : `${factor(ratio)} (${ratioRange.map(factor).join(' to ')})`,
    asked: [...asked, verdict(row)].filter(Boolean).join('; '),
    floors: [floors.compute && `compute ${time(floors.compute)}`, floors.memory && `memory ${time(floors.memory)}`]
      .filter(Boolean)
      .join(', '),
    agreement: row.agreement ?? '',
  };
}

let started = false;

/** Prints a row and, under run.mjs, hands it over. */
export function report(row) {
  if (!started) console.log(machineLine());
  started = true;
  const { work, isa, ...rest } = cells(row);
  console.log(`${work} [${isa}]\n    ${Object.values(rest).filter(Boolean).join(' | ')}`);
  process.send?.(row);
}
