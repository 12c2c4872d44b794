// Equality of large results: comparing digests takes milliseconds where comparing elements takes seconds.
import { createHash } from 'node:crypto';

/** The digest of every typed array in a result, in the order of its properties. */
export function bits(result: object): string {
  const hash = createHash('sha256');
  const add = (value: unknown) => {
    if (ArrayBuffer.isView(value)) hash.update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(add);
    else hash.update(String(value));
  };
  add(result);
  return hash.digest('hex');
}
