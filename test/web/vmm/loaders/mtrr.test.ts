// The MTRRs that a kernel finds.
import { expect, test } from 'vitest';
import { firmwareMtrrs } from '../../../../web/vmm/loaders/mtrr.ts';

/** Variable ranges: where and how long, from mask and base as a processor reads them. */
function ranges(ramBytes: number): [number, number][] {
  const msrs = new Map(firmwareMtrrs(ramBytes).map(({ index, data }) => [index, data]));
  return Array.from({ length: 8 }, (_, n) => n)
    .filter((n) => ((msrs.get(0x201 + 2 * n) ?? 0n) & 0x800n) !== 0n)
    .map((n) => {
      const mask = (msrs.get(0x201 + 2 * n) ?? 0n) & ~0xfffn;
      return [Number(msrs.get(0x200 + 2 * n)), Number((1n << 40n) - mask)];
    });
}

const GIB = 2 ** 30;

test('the last GiB below 4 GiB is uncached, all else written back', () => {
  expect(ranges(256 * 2 ** 20)).toEqual([[3 * GIB, GIB]]);
  expect(firmwareMtrrs(GIB).at(-1)).toEqual({ index: 0x2ff, data: 0xc06n });
});

test.each([3 * GIB + 0x1000, 3.5 * GIB, 0xfec0_0000 - 0x40_0000])(
  'with %i bytes of RAM the hole is what lies above',
  (ram) => {
    const all = ranges(ram);
    let end = all[0]?.[0] ?? 2 ** 32;
    expect(end).toBeGreaterThanOrEqual(ram);
    expect(end - ram).toBeLessThan(0x200_0000);
    for (const [base, size] of all) {
      expect([base, base % size]).toEqual([end, 0]);
      end = base + size;
    }
    expect(end).toBe(2 ** 32);
  },
);

test('the VGA window is uncached and option ROMs are write-protected', () => {
  const msrs = new Map(firmwareMtrrs(GIB).map(({ index, data }) => [index, data]));
  expect([msrs.get(0x258), msrs.get(0x259), msrs.get(0x268)]).toEqual([
    0x0606_0606_0606_0606n,
    0n,
    0x0505_0505_0505_0505n,
  ]);
});
