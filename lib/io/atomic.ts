// Files written whole or not at all: a temporary file in the same folder, fsync, then rename over the name.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { rangeError } from '../check.js';

/**
 * Writes the chunks as the whole content of `path`. On any failure, abort or exit of the process before the rename the
 * old file, or none, stays, and the temporary file is removed.
 *
 * @param signal aborting rejects with `signal.reason`.
 */
export async function writeFileAtomic(
  path: string,
  chunks: Iterable<string | Uint8Array>,
  { signal }: { signal?: AbortSignal } = {},
): Promise<void> {
  const existing = await stat(path).catch(() => undefined);
  if (existing !== undefined && !existing.isFile()) throw rangeError('a regular file', 'the output', path);
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`);
  const removeNow = () => rmSync(temporary, { force: true });
  const file = await open(temporary, 'wx', existing?.mode);
  process.once('exit', removeNow);
  try {
    try {
      for (const chunk of chunks) {
        signal?.throwIfAborted();
        await file.writeFile(chunk);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    signal?.throwIfAborted();
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    process.off('exit', removeNow);
  }
}

/** Makes the rename itself durable. Folders cannot be opened everywhere (Windows): there the system decides. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
