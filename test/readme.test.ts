// What the README prints is what happens.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(`${root}README.md`, 'utf8');

it('runs its example as printed, in the package itself', () => {
  const [, code, output] = /```js\n(.*?)```.*?prints\n\n```\n(.*?)```/s.exec(readme)!;
  // The name `nearvote` resolves to this package from inside it.
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code!], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(stdout).toBe(output);
});

it('names commands and files that exist', () => {
  const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: Record<string, string> };
  const all = `${readme}\n${readFileSync(`${root}CONTRIBUTING.md`, 'utf8')}`;
  for (const [, name] of all.matchAll(/npm run ([\w:]+)/g)) expect(scripts).toHaveProperty([name!]);
  for (const [, path] of readme.matchAll(/\]\((?!https?:)([^)]+)\)/g)) expect(existsSync(root + path), path).toBe(true);
});
