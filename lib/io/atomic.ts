// Files written whole or not at all: a temporary file in the same folder, fsync, then rename over the name.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { rangeError } from '../check.js';

/**
 * Writes the chunks as the whole content of `path`. On any failure, abort or exit of the process before the rename the old file, or
 * none, stays, and the temporary file is removed.
 *
 * @param signal aborting rejects with `signal.reason`.
 */
export async function writeFileAtomic(
  path: string,
  chunks: Iterable<string | Uint8Array>,
  { signal }: { signal?: AbortSignal } = {},
): Promise<void> {
  await replaceFileAtomic(
    path,
    async (file) => {
      for (const chunk of chunks) {
        signal?.throwIfAborted();
        await file.writeFile(chunk);
      }
      signal?.throwIfAborted();
    },
    signal,
  );
}

/**
 * As {@link writeFileAtomic} for a writer of its own: `write` fills the new file, by its handle or its path, and the file then
 * takes the place of `name`.
 */
export async function replaceFileAtomic(
  name: string,
  write: (file: FileHandle, temporary: string) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  // A symbolic link stays: the file it leads to is replaced.
  const path = await realpath(name).catch(() => name);
  const existing = await stat(path).catch(() => undefined);
  if (existing !== undefined && !existing.isFile()) throw rangeError('a regular file', 'the output', path);
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`);
  const removeNow = () => rmSync(temporary, { force: true });
  const file = await open(temporary, 'wx', existing?.mode);
  process.once('exit', removeNow);
  try {
    try {
      await write(file, temporary);
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
