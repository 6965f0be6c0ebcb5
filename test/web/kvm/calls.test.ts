// The table of calls in web/kvm/README.md: every ioctl and capability, and what it says of them is so.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type CapName, ERRNO, IOCTLS, KVM_CAP } from '../../../web/kvm/index.ts';
import { kvm } from './support.ts';

type Row = [name: string, state: string, rest: string];

/** The rows of the table under a heading. */
function table(heading: string): Row[] {
  const text = readFileSync('web/kvm/README.md', 'utf8').split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2)
    .map(
      (line) =>
        line
          .split('|')
          .slice(1, 4)
          .map((cell) => cell.trim()) as Row,
    );
}

const ioctls = table('ioctls');
const capabilities = table('Capabilities');

describe('the table of calls', () => {
  test('has a row for every ioctl and every capability, in the order of the header', () => {
    expect(ioctls.map(([name]) => name)).toEqual(IOCTLS.map(({ name }) => name));
    expect(capabilities.map(([name]) => name)).toEqual(Object.keys(KVM_CAP));
  });

  test('says of each that it is done, or the errno of KVM and why', () => {
    for (const [name, state, rest] of ioctls) {
      expect(state === 'done' || state in ERRNO, name).toBe(true);
      expect(rest, name).not.toBe('');
    }
    for (const [name, state, rest] of capabilities) {
      expect(['done', '0'], name).toContain(state);
      expect(rest, name).not.toBe('');
    }
  });

  test('names tests that exist', () => {
    const done = [...ioctls, ...capabilities].filter(([, state]) => state === 'done');
    expect(done.filter(([, , file]) => !existsSync(file))).toEqual([]);
  });

  test.each(capabilities)('and KVM_CHECK_EXTENSION agrees: KVM_CAP_%s is %s', (name, state) => {
    expect(kvm.checkExtension(name as CapName) > 0).toBe(state === 'done');
  });
});
