// Builds the addon with cmake-js: for a checkout (npm run build), by hand (npm run build:native) and for prebuildify,
// which calls this file as if it were node-gyp: `rebuild --target=.. --arch=x64 --release ..`.
//   --if-needed        do nothing when an addon can already be loaded
//   --incremental      compile only what changed since the last build
//   --bundle-openmp    put the OpenMP runtime beside the addon (for prebuilds: the user's machine may have none)
//   CMAKE_DEFINES      environment: extra CMake definitions, e.g. "NEARVOTE_OPENMP=OFF NEARVOTE_CUDA=ON"
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const args = process.argv.slice(2);

if (args.includes('--if-needed')) {
  try {
    require('node-gyp-build')(root);
    process.exit(0);
  } catch {
    // nothing loadable yet: build
  }
}

const step = args.includes('--incremental') ? 'build' : 'rebuild';
const command = [step, '--config', 'Release', '--parallel', String(require('node:os').availableParallelism())];
const arch = args.find((arg) => arg.startsWith('--arch='))?.slice('--arch='.length);
if (arch) command.push('--arch', arch);
if (args.includes('--bundle-openmp')) command.push('--CDNEARVOTE_BUNDLE_OPENMP=ON');
for (const define of (process.env.CMAKE_DEFINES ?? '').split(/\s+/).filter(Boolean)) command.push(`--CD${define}`);

const cmakeJs = require.resolve('cmake-js/bin/cmake-js');
const { status, error } = spawnSync(process.execPath, [cmakeJs, ...command], { cwd: root, stdio: 'inherit' });
if (error) throw error;
process.exit(status ?? 1);
