// Where a heavy call runs.
import { checkOneOf } from './check.js';
import { addon } from './native.js';
import type { DeviceChoice } from './types.js';

const onCuda = (operand: object) => (operand as { device?: unknown }).device === 'cuda';

/**
 * Whether a call runs on the CUDA device.
 *
 * @param device undefined: where the operands live, the CUDA device if one of them is an EmbeddingSet made for it.
 * @throws Error 'cuda' without a usable device, with the reason.
 */
export function checkCuda(device: DeviceChoice | undefined, ...operands: object[]): boolean {
  const choice = device === undefined ? undefined : checkOneOf(device, ['cpu', 'cuda', 'auto'], 'device');
  if (choice === undefined) return operands.some(onCuda);
  if (choice === 'cpu') return false;
  const status = addon.cudaStatus();
  if (!status.available && choice === 'cuda') {
    throw new Error(`Expected a usable CUDA device for device 'cuda' but received none: ${status.reason}`);
  }
  return status.available;
}
