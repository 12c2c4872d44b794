// A progress bar on stderr for people; silent when stderr is no terminal.
const WIDTH = 30;

/** Draws `name [#####----]  43 %` over itself and wipes it at the end. */
export class ProgressBar {
  readonly #name: string;
  readonly #shown = process.stderr.isTTY;

  constructor(name: string) {
    this.#name = name;
  }

  /** @param fraction 0..1 */
  readonly update = (fraction: number): void => {
    if (!this.#shown) return;
    const filled = Math.round(WIDTH * fraction);
    const bar = '#'.repeat(filled) + '-'.repeat(WIDTH - filled);
    process.stderr.write(`\r${this.#name} [${bar}] ${String(Math.round(100 * fraction)).padStart(3)} %`);
  };

  clear(): void {
    if (this.#shown) process.stderr.write('\r\x1b[K');
  }
}
