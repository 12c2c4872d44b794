// clang-format over every C++ and CUDA source; --check only reports. Prints the files it would change.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));
const clangFormat = createRequire(import.meta.url).resolve('.bin/clang-format', {
  paths: [fileURLToPath(new URL('..', import.meta.url))],
});
const check = process.argv.includes('--check');
const sources = readdirSync(root, { recursive: true }).filter((name) => /\.(h|cpp|cu|cuh)$/.test(String(name)));
let unformatted = 0;
for (const name of sources) {
  const file = join(root, String(name));
  const before = readFileSync(file, 'utf8');
  const after = execFileSync(clangFormat, [file], { encoding: 'utf8' });
  if (before === after) continue;
  unformatted++;
  console.log(`${check ? 'needs formatting' : 'formatted'}: native/${name}`);
  if (!check) writeFileSync(file, after);
}
if (check && unformatted > 0) process.exit(1);
