// Peers as compare.mjs wants them.
import { readFileSync } from 'node:fs';
import { sampleMs } from './sample.mjs';

/** A task of peer.py. */
export function pythonTask(python, name, task, args, { agreement, ...targets }) {
  return {
    name,
    sample: () => python.time(task, args),
    agreement: agreement && (async (ours) => agreement(ours, await python.result())),
    ...targets,
  };
}

/** A function of this process. `work` returns the result that `agreement` compares. */
export function inProcess(name, work, { agreement, ...targets }) {
  let result;
  const once = async () => {
    result = await work();
  };
  return {
    name,
    sample: () => sampleMs(once),
    agreement: agreement && (async (ours) => agreement(ours, result)),
    ...targets,
  };
}

/** A package of bench/node_modules with its version, or the reason why it is missing. */
export async function optional(name) {
  try {
    const { version } = JSON.parse(
      readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8'),
    );
    return { module: await import(name), version };
  } catch {
    return { missing: `${name} is not installed (bench/peers.sh)` };
  }
}
