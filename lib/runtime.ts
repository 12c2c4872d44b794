import { checkInteger } from './check.js';
import { addon } from './native.js';

/**
 * Sets how many threads heavy calls of this process use unless they name a count themselves.
 *
 * @param count >= 1, or 0 for the default: the processors this process may use (affinity, cgroup quota, OMP_NUM_THREADS).
 * @throws TypeError, RangeError when it is no such integer.
 */
export function setThreads(count: number): void {
  addon.setThreads(checkInteger(count, 'threads', 0, 1024));
}
