// Compiles every kernel for every listed target and reads ptxas' report: fails on a spill, a stack frame, a warning, or
// more registers than registers.json records. Says so and succeeds where there is no nvcc.
//   node native/cuda/compile_gate.mjs [--record]     --record writes registers.json from what was compiled
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const table = join(folder, 'registers.json');
const targets = ['80', '86', '89', '90', '100', '120'];
/** Files for one target only. */
const ownTargets = { 'sketch_wgmma.cu': ['90a'] };

try {
  execFileSync('nvcc', ['--version'], { stdio: 'ignore' });
} catch {
  console.log('CUDA compile gate: skipped, no nvcc on the path');
  process.exit(0);
}

const out = mkdtempSync(join(tmpdir(), 'nearvote-cuda-'));
const codesFor = (file) => {
  const own = ownTargets[file];
  const codes = (own ?? targets).flatMap((target) => ['-gencode', `arch=compute_${target},code=sm_${target}`]);
  return own ? codes : [...codes, '-gencode', 'arch=compute_80,code=compute_80'];
};
const flags = ['-std=c++20', '-O3', '-Xcompiler', '-fPIC', '-Xptxas', '-v,-warn-spills,-warn-lmem-usage'];
const problems = [];
const registers = {};
for (const file of readdirSync(folder).filter((name) => name.endsWith('.cu'))) {
  const args = [
    ...flags,
    ...codesFor(file),
    '-t',
    '2',
    '-I',
    join(folder, '..'),
    '-c',
    join(folder, file),
    '-o',
    join(out, 'o'),
  ];
  const { status, stderr, stdout } = spawnSync('nvcc', args, { encoding: 'utf8' });
  const report = `${stdout}${stderr}`;
  if (status !== 0) problems.push(`${file} does not compile:\n${report}`);
  let kernel = '';
  let target = '';
  for (const line of report.split('\n')) {
    const entry = /Compiling entry function '(\w+)' for 'sm_(\d+\w?)'/.exec(line);
    if (entry) {
      // The mangled name ends the namespaces: ..7_cu_hash<length><name>[I..template..E]v..
      const [, name, argument] =
        /^\d+([a-z_]+)(?:IL[ib](\d+)E)?E/.exec(entry[1].replace(/^.*_cu_[0-9a-f]{8}/, '')) ?? [];
      kernel = argument === undefined ? name : `${name}<${argument}>`;
      target = entry[2];
    }
    const frame = /(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/.exec(line);
    if (frame?.slice(1).some((bytes) => bytes !== '0')) problems.push(`${kernel}, sm_${target}: ${line.trim()}`);
    const used = /Used (\d+) registers/.exec(line);
    if (used) {
      registers[kernel] ??= {};
      registers[kernel][`sm_${target}`] = Number(used[1]);
    }
    if (/warning/i.test(line)) problems.push(`${file}: ${line.trim()}`);
  }
}
rmSync(out, { recursive: true });

if (process.argv.includes('--record')) {
  const sorted = (uses) =>
    Object.fromEntries(Object.entries(uses).sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true })));
  const entries = Object.entries(registers).map(([kernel, uses]) => [kernel, sorted(uses)]);
  writeFileSync(table, `${JSON.stringify(sorted(Object.fromEntries(entries)), null, 2)}\n`);
}
const recorded = JSON.parse(readFileSync(table, 'utf8'));
for (const [kernel, uses] of Object.entries(registers)) {
  for (const [target, count] of Object.entries(uses)) {
    const allowed = recorded[kernel]?.[target];
    if (allowed === undefined) problems.push(`${kernel}, ${target}: not in registers.json`);
    else if (count > allowed) problems.push(`${kernel}, ${target}: ${count} registers, ${allowed} recorded`);
  }
}
for (const problem of problems) console.error(problem);
const kernels = Object.keys(registers).length;
const all = new Set([...targets, ...Object.values(ownTargets).flat()]);
console.log(`CUDA compile gate: ${kernels} kernels, ${all.size} targets, ${problems.length} problems`);
process.exit(problems.length === 0 && kernels > 0 ? 0 : 1);
