// The real guests: what a manifest says is here, and what is said of the others.
import { expect, test } from 'vitest';
import { absentGuests, presentGuests, realGuests } from '../../../web/lab/index.ts';

const cloud = { name: 'cloud', kernel: 'cloud.vmlinuz', initrd: 'cloud.initrd.gz' };

test('what a manifest names is present, all else is absent and says its command', () => {
  const present = presentGuests({ guests: [cloud] });
  expect(present).toEqual([cloud]);
  const absent = absentGuests(present);
  expect(absent.map(({ name }) => name)).toEqual(
    realGuests.map(({ name }) => name).filter((name) => name !== 'cloud'),
  );
  for (const { command } of absent) expect(command).toMatch(/^npm run guests/);
});

test.each([undefined, null, 'text', {}, { guests: 'all' }, { guests: [null, { file: 'memtest.bin' }] }])(
  '%j is no manifest, and names no guest',
  (manifest) => expect(presentGuests(manifest)).toEqual([]),
);
