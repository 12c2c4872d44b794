// Runs the benchmarks, each in a process of its own, and prints one table.
//   npm run bench                     all of them (some minutes)
//   npm run bench -- extension top-k  these
//   npm run bench -- --write          the table also goes into bench/README.md, with date and machine
import { fork } from 'node:child_process';
import os from 'node:os';
import { markdownTable, writeTable } from './lib/table.mjs';

// What is run, and on which instruction sets: '' is the best one of this machine.
const QUESTIONS = {
  extension: ['', 'avx512_vnni', 'avx512'],
  'top-k': ['', 'avx512_vnni', 'avx512'],
  'one-query': [''],
  pairwise: [''],
  moments: [''],
  'label-model': [''],
  'end-model': [''],
  'embedding-set': [''],
  'small-calls': [''],
  scaling: [''],
  memory: [''],
  cancel: [''],
  session: [''],
};

function run(question, isa) {
  const rows = [];
  return new Promise((resolve) => {
    const child = fork(new URL(`${question}.mjs`, import.meta.url), {
      env: isa ? { ...process.env, NEARVOTE_ISA: isa } : process.env,
    });
    child.on('message', (row) => rows.push(row));
    child.on('exit', (code) => {
      if (code !== 0) {
        console.error(`${question}${isa && ` (${isa})`} failed`);
        process.exitCode = 1;
      }
      resolve(rows);
    });
  });
}

const args = process.argv.slice(2);
const unknown = args.filter((arg) => arg !== '--write' && !(arg in QUESTIONS));
if (unknown.length > 0) {
  console.error(`Expected --write or any of ${Object.keys(QUESTIONS).join(', ')} but received ${unknown.join(' ')}`);
  process.exit(1);
}
const asked = args.filter((arg) => arg !== '--write');
const [load] = os.loadavg(); // of others: more than a few tenths means that times are too long
const rows = [];
for (const question of asked.length > 0 ? asked : Object.keys(QUESTIONS)) {
  for (const isa of QUESTIONS[question]) {
    rows.push(...(await run(question, isa)));
    if (args.includes('--write')) writeTable(rows, load); // what is done is kept if the rest is interrupted
  }
}
console.log(`\n${markdownTable(rows)}`);
