// The Python peers: one child process that stays up, so that both sides of a comparison can take turns.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { threads } from './machine.mjs';

const DTYPES = new Map([
  [Float32Array, 'f4'],
  [Int8Array, 'i1'],
]);
const ARRAYS = { '<f4': Float32Array, '<i4': Int32Array, '|i1': Int8Array };

export class PythonPeer {
  #child;
  #replies;
  #folder = mkdtempSync(join(tmpdir(), 'nearvote-bench-'));

  constructor() {
    // OpenBLAS 0.3.21 does not know the newest Xeons and would run them on SSE3 kernels: name the AVX-512 ones.
    const avx512 = readFileSync('/proc/cpuinfo', 'utf8').includes('avx512_bf16');
    const count = String(threads);
    this.#child = spawn(
      process.env.PYTHON ?? '/usr/bin/python3',
      [fileURLToPath(new URL('peer.py', import.meta.url))],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
        env: {
          ...process.env,
          OMP_NUM_THREADS: count,
          OPENBLAS_NUM_THREADS: count,
          ...(avx512 && !process.env.OPENBLAS_CORETYPE ? { OPENBLAS_CORETYPE: 'Cooperlake' } : {}),
        },
      },
    );
    this.#child.on('error', () => {}); // #ask reports it: the replies end
    this.#child.stdin.on('error', () => {});
    this.#replies = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async #ask(request) {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#replies.next();
    if (done) throw new Error('the Python peer cannot be started (see bench/peers.sh)');
    const reply = JSON.parse(value);
    if (reply.error) throw new Error(reply.error);
    return reply;
  }

  /** { python, numpy, sklearn, faiss, blas }: a version, or null where a package is missing. */
  versions() {
    return this.#ask({ versions: true });
  }

  /** Hands over { data, shape } under a name. */
  async load(name, { data, shape }) {
    const path = join(this.#folder, name);
    writeFileSync(path, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    await this.#ask({ load: name, path, dtype: DTYPES.get(data.constructor), shape });
    rmSync(path);
  }

  /** Milliseconds of one run of a task of peer.py, by the child's own clock. */
  async time(task, args) {
    const { ms } = await this.#ask({ time: task, args });
    return ms;
  }

  /** The result of the last run. */
  async result() {
    const path = join(this.#folder, 'result');
    const { dtype, shape } = await this.#ask({ save: path });
    const bytes = readFileSync(path);
    rmSync(path);
    return {
      data: new ARRAYS[dtype](bytes.buffer, bytes.byteOffset, bytes.byteLength / ARRAYS[dtype].BYTES_PER_ELEMENT),
      shape,
    };
  }

  close() {
    this.#child.stdin.end();
    rmSync(this.#folder, { recursive: true });
  }
}
