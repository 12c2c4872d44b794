// The package as a user gets it: packed, its addon built from the packed sources alone, packed again with the addon,
// installed in an empty project and used where no compiler and no build folder is in reach.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ended, run } from '../helpers/child.js';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'nearvote-package-'));
const [unpacked, project, onlyNode] = ['package', 'project', 'bin'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
const installed = join(project, 'node_modules/nearvote');
const prebuilt = `prebuilds/${process.platform}-${process.arch}`;
/** Finds node and nothing else: no compiler, no CMake. */
const user = { cwd: project, env: { PATH: onlyNode, PREBUILDS_ONLY: '1' } };

async function succeed(ended: Promise<Ended>): Promise<string> {
  const { code, signal, stdout, stderr } = await ended;
  if (code !== 0) throw new Error(`ended with ${code ?? signal}\n${stdout}\n${stderr}`);
  return stdout;
}
const npm = (cwd: string, ...args: string[]) => succeed(run('npm', args, { cwd }));
/** Where there is a CUDA compiler the prebuild holds the backend too (for one target: it is never run here). */
const hasNvcc = spawnSync('nvcc', ['--version']).status === 0;
async function pack(cwd: string, destination: string): Promise<{ tarball: string; files: string[] }> {
  mkdirSync(destination);
  const report = await npm(cwd, 'pack', '--ignore-scripts', '--json', '--pack-destination', destination);
  const [{ filename, files }] = JSON.parse(report) as [{ filename: string; files: { path: string }[] }];
  return { tarball: join(destination, filename), files: files.map(({ path }) => path) };
}

describe.runIf(process.platform === 'linux')('the tarball', () => {
  let tarball: string;
  let files: string[];

  // The one native build of these tests: about half a minute on two cores.
  beforeAll(async () => {
    const sources = await pack(checkout, join(folder, 'sources'));
    await succeed(run('tar', ['xf', sources.tarball, '-C', folder]));
    rmSync(join(unpacked, prebuilt), { recursive: true, force: true });
    symlinkSync(join(checkout, 'node_modules'), join(unpacked, 'node_modules'));
    const defines = hasNvcc ? 'NEARVOTE_CUDA=ON CMAKE_CUDA_ARCHITECTURES=90-real' : '';
    await succeed(run('npm', ['run', 'prebuilds'], { cwd: unpacked, env: { CMAKE_DEFINES: defines } }));
    rmSync(join(unpacked, 'node_modules'));
    ({ tarball, files } = await pack(unpacked, join(folder, 'packed')));

    mkdirSync(project);
    writeFileSync(join(project, 'package.json'), '{ "private": true }');
    await npm(project, 'install', '--prefer-offline', tarball);
    mkdirSync(onlyNode);
    symlinkSync(process.execPath, join(onlyNode, 'node'));
  }, 1_200_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  it('holds what a user needs and nothing else', () => {
    expect(files).toEqual(
      expect.arrayContaining([
        'LICENSE',
        'README.md',
        'THIRD-PARTY-NOTICES',
        'CMakeLists.txt',
        'native/build.mjs',
        'dist/index.js',
        'dist/index.d.ts',
        'dist/cli/main.js',
        `${prebuilt}/libgomp.so.1`,
      ]),
    );
    const top = new Set(files.map((path) => path.split('/')[0]));
    expect([...top].sort()).toEqual(
      [
        'CMakeLists.txt',
        'LICENSE',
        'README.md',
        'THIRD-PARTY-NOTICES',
        'data',
        'dist',
        'examples',
        'native',
        'package.json',
        'prebuilds',
      ].sort(),
    );
    expect(files.filter((path) => /(^|\/)(tests?|bench|build|node_modules)\/|\.test\.|\.o$|\.a$/.test(path))).toEqual(
      [],
    );
    expect(files.filter((path) => path.startsWith(prebuilt) && path.endsWith('.node'))).toHaveLength(1);
  });

  it('has no script that runs on install, and one dependency', () => {
    const { scripts, dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
      dependencies: Record<string, string>;
    };
    for (const name of ['preinstall', 'install', 'postinstall']) expect(scripts).not.toHaveProperty(name);
    expect(Object.keys(dependencies)).toEqual(['node-gyp-build']);
    expect(
      readdirSync(join(project, 'node_modules'))
        .filter((name) => !name.startsWith('.'))
        .sort(),
    ).toEqual(['nearvote', 'node-gyp-build']);
    expect(existsSync(join(installed, 'build'))).toBe(false);
  });

  const use = `
    const row = { data: Float32Array.of(3, 4, 4, 3, -1, 0), shape: [3, 2] };
    const { indices } = topK(row, row, { k: 2, metric: 'dot' });
    const votes = { data: Int8Array.of(1, 0, 0), shape: [3, 1] };
    extendVotesAsync({ votes, embeddings: row, thresholds: 0.9 }).then((extended) => {
      const libraries = require('node:fs').readFileSync('/proc/self/maps', 'utf8').match(/\\S*libgomp\\S*/g);
      console.log(JSON.stringify({ indices: [...indices], votes: [...extended.votes.data], libraries: [...new Set(libraries)] }));
    });`;
  const answer = () => ({
    indices: [0, 1, 1, 0, 2, 0],
    votes: [1, 1, 0],
    libraries: [join(installed, prebuilt, 'libgomp.so.1')],
  });

  it('works by import, with the OpenMP runtime it brings along', async () => {
    const code = `import { createRequire } from 'node:module'; import { topK, extendVotesAsync } from 'nearvote';
      const require = createRequire(import.meta.url); ${use}`;
    expect(JSON.parse(await succeed(run('node', ['--input-type=module', '-e', code], user)))).toEqual(answer());
  });

  it('works by require', async () => {
    const code = `const { topK, extendVotesAsync } = require('nearvote'); ${use}`;
    expect(JSON.parse(await succeed(run('node', ['-e', code], user)))).toEqual(answer());
  });

  it('brings the command line', async () => {
    expect(await succeed(run(join(project, 'node_modules/.bin/nearvote'), ['devices'], user))).toContain('cpu');
  });

  it.skipIf(!hasNvcc)(
    'holds the CUDA backend beside the addon, which says why there is no device (needs nvcc)',
    async () => {
      expect(files).toContain(`${prebuilt}/nearvote-cuda.so`);
      const code = `const { devices } = require('nearvote'); console.log(JSON.stringify(devices()[1]));`;
      const cuda = JSON.parse(await succeed(run('node', ['-e', code], user))) as {
        available: boolean;
        reason?: string;
      };
      if (!cuda.available) expect(cuda.reason).toMatch(/driver/);
    },
  );

  it('finds its OpenMP runtime beside the addon, and no C++ runtime outside', async () => {
    const [addon] = readdirSync(join(installed, prebuilt)).filter((name) => name.endsWith('.node'));
    const libraries = await succeed(run('ldd', [join(installed, prebuilt, addon as string)]));
    expect(libraries).toContain(`libgomp.so.1 => ${join(installed, prebuilt, 'libgomp.so.1')}`);
    expect(libraries).not.toContain('libstdc++');
  });

  it('ships the licence of what it brings along', () => {
    const notices = readFileSync(join(installed, 'THIRD-PARTY-NOTICES'), 'utf8');
    for (const text of ['node-addon-api', 'libgomp', 'GCC RUNTIME LIBRARY EXCEPTION', 'GNU GENERAL PUBLIC LICENSE'])
      expect(notices).toContain(text);
  });

  it('satisfies publint', async () => {
    const { messages } = await publint({ pkgDir: installed, pack: false, strict: true });
    expect(messages).toEqual([]);
  });

  it('without a fitting addon says where it looked and how to build one', async () => {
    const bare = join(folder, 'bare');
    cpSync(project, bare, { recursive: true });
    rmSync(join(bare, 'node_modules/nearvote', prebuilt), { recursive: true });
    const { code, stderr } = await run('node', ['-e', "require('nearvote')"], { ...user, cwd: bare });
    expect(code).toBe(1);
    const root = join(bare, 'node_modules/nearvote');
    expect(stderr).toContain(`nearvote has no native addon for ${process.platform}-${process.arch}`);
    expect(stderr).toContain(`looked in ${root}/build/Release and ${root}/${prebuilt}`);
    expect(stderr).toContain(
      'npm install --no-save cmake-js node-addon-api && npm explore nearvote -- npm run build:native',
    );
  });

  it('types resolve for a user of TypeScript', async () => {
    const source = `import { topK, type TopKResult } from 'nearvote';
      const m = { data: Float32Array.of(1, 2), shape: [2, 1] as const };
      export const found: TopKResult = topK(m, m, { k: 1 });
      // @ts-expect-error: k is needed
      topK(m, m, {});`;
    writeFileSync(join(project, 'use.mts'), source);
    const tsc = join(dirname(fileURLToPath(import.meta.resolve('typescript/package.json'))), 'bin/tsc');
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--lib',
      'es2022,esnext.disposable,dom',
    ];
    await succeed(run(process.execPath, [tsc, ...options, 'use.mts'], { cwd: project }));
  });
});
