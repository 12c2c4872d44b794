// Child processes: what a test must see from outside (exit codes, a whole process's memory, an environment variable that
// is read once) runs in one.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From its first output to its end, in milliseconds. */
  readonly msAfterFirstOutput: number;
}

export interface ChildOptions {
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Runs a program to its end. */
export function run(command: string, args: readonly string[], { env = {}, cwd }: ChildOptions = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    let first: number | undefined;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      first ??= performance.now();
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const msAfterFirstOutput = first === undefined ? Number.NaN : performance.now() - first;
      resolve({ code, signal, stdout, stderr, msAfterFirstOutput });
    });
  });
}

/** Runs test/children/<name>.mjs, which uses the built package by its name. */
export function runChild(name: string, options: ChildOptions = {}): Promise<Ended> {
  const script = fileURLToPath(new URL(`../children/${name}.mjs`, import.meta.url));
  return run(process.execPath, [...(options.nodeArgs ?? []), script, ...(options.args ?? [])], options);
}

/** As {@link runChild}, for a child that must end well and prints one JSON value. */
export async function askChild<T>(name: string, options: ChildOptions = {}): Promise<T> {
  const { code, signal, stdout, stderr } = await runChild(name, options);
  if (code !== 0) throw new Error(`${name} ended with ${code ?? signal}: ${stderr}`);
  return JSON.parse(stdout) as T;
}
