// Peers as compare.mjs wants them.
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

/** A package of bench/node_modules, or the reason why it is missing. */
export async function optional(name) {
  try {
    return { module: await import(name) };
  } catch {
    return { missing: `${name} is not installed (bench/peers.sh)` };
  }
}
