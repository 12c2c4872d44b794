// The interactive example on scripted input.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const texts = ['train', 'valid'].flatMap((split) =>
  readFileSync(`${root}data/sms/${split}_texts.jsonl`, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { text: string }).text),
);
const matched = texts.findIndex((text) => /free|prize/i.test(text));
const script = [
  'spam free|prize',
  `why ${matched}`,
  'ham \\bi\\b',
  'suggest',
  'next',
  'label 0 ham',
  'label 99999 ham',
  'label 0 no',
  'undo',
  'lend off',
  'why 1',
  'undo',
  'drop free|prize',
  'spam (',
  'quit',
];

function run(): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['examples/interactive.mjs'], {
    cwd: root,
    encoding: 'utf8',
    input: `${script.join('\n')}\n`,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.replace(/\d+\.\d ms/g, 'some ms');
}

it('answers every line, and the same way every time', () => {
  const screen = run();
  expect(run()).toBe(screen);
  const after = (line: string) => screen.slice(screen.indexOf(`> ${line}\n`)).split('\n');

  const share = (pattern: RegExp) => (100 * texts.filter((text) => pattern.test(text)).length) / texts.length;
  expect(after('spam free|prize')[1]).toMatch(`${share(/free|prize/i).toFixed(1)} % match, lent to `);
  expect(after('ham \\bi\\b')[1]).toMatch(`${share(/\bi\b/i).toFixed(1)} % match, lent to `);
  expect(after('suggest').join('\n')).toMatch(
    /"spam free\|prize" against "ham \\bi\\b": \d+ of \d+, \d+ expected\n +\d+ {2}"/,
  );
  expect(after('suggest').join('\n')).toMatch(/\d+ messages without a vote, such as\n +\d+ {2}"/);
  const asked = after('next')
    .slice(1, 4)
    .map((line) => /^ +(\d+) {2}"(.*)"$/.exec(line));
  for (const [, row, text] of asked as string[][])
    expect(texts[Number(row)]!.startsWith(text!.replace(/\.\.\.$/, ''))).toBe(true);
  expect(new Set(asked.map((found) => found![1])).size).toBe(3);
  expect(after('label 0 ham')[1]).toContain('labels changed');
  expect(after('label 99999 ham')[1]).toContain('Expected an integer');
  // Nothing is lent any more: both rules reach what they match, together the messages that match either.
  expect(after('lend off')[2]).toContain(`${share(/free|prize|\bi\b/i).toFixed(1)} % of messages have a vote`);
  expect(after('why 1').slice(1, 3).join()).toContain(`"${texts[1]}"`);
  expect(after(`why ${matched}`)[3]).toBe('       +1  spam free|prize');
  expect(screen).not.toContain('undefined');
  expect(after('drop free|prize')[1]).toMatch(/labels changed, .* F1 on valid 0\.\d{3} \(some ms\)/);
  expect(after('spam (')[1]).toContain('Invalid regular expression');
});
