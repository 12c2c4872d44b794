// The demo's screen: what it claims on the shipped data, and the file it writes.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

it('shows scores, times, five examples and where the labels are', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/cli/demo.js'], { cwd: root, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const scores = (name: string) => {
    const line = stdout.split('\n').find((text) => text.trim().startsWith(name));
    const [coverage, accuracy, f1] = (line ?? '').match(/\d+\.\d+/g)?.map(Number) ?? [];
    return { coverage, accuracy, f1 };
  };
  // Recorded with NumPy on the same votes: 38.4 % of 500 rows have a vote, majority vote with ham elsewhere.
  expect(scores('majority vote of the rules')).toEqual({ coverage: 38.4, accuracy: 89.6, f1: 0.381 });
  for (const way of ['majority vote + votes of neighbours', 'label model + labels of neighbours']) {
    expect(scores(way).coverage).toBeGreaterThan(38.4);
    expect(scores(way).f1).toBeGreaterThanOrEqual(0.88);
  }
  expect(stdout.match(/voted on by the rule "spam: /g)).toHaveLength(5);
  expect(stdout).toContain('Labels of all training messages: out/sms-labels.csv');
  const rows = readFileSync(`${root}out/sms-labels.csv`, 'utf8').trimEnd().split('\n');
  expect(rows[0]).toBe('id,label,probability,coverage');
  expect(rows).toHaveLength(4572);
});
