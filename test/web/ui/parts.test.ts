// Numbers, layout and comparison: the page's small parts without a page.
import { describe, expect, test } from 'vitest';
import { gridOf, ROW_PAGES } from '../../../web/ui/panels/heat_map.ts';
import { bytes, count, parseNumber, plural, zeroSplit } from '../../../web/ui/parts/numbers.ts';
import { completed, DEFAULT_LAYOUT, LEAST_SHARE, moved } from '../../../web/ui/state/layout.ts';
import { completedShown } from '../../../web/ui/state/shown.ts';
import { isSame } from '../../../web/ui/state/watch.ts';

describe('numbers', () => {
  test('are written in the unit that fits', () => {
    expect([0, 640 * 1024, 64 << 20, 4271898624].map(bytes)).toEqual([
      '0 B',
      '640 KiB',
      '64 MiB',
      '3.98 GiB',
    ]);
    expect([9999, 12_345, 1_234_567, 5e9].map(count)).toEqual(['9999', '12.3 k', '1.23 M', '5.00 G']);
    expect([plural(1, 'page'), plural(2, 'page')]).toEqual(['1 page', '2 pages']);
  });

  test('split into quiet zeros and digits that count', () => {
    expect(zeroSplit(0x3f8n, 8)).toEqual(['00000', '3f8']);
    expect(zeroSplit(0, 4)).toEqual(['000', '0']);
  });

  test('are read in decimal and hexadecimal, and refused otherwise', () => {
    expect(['42', '0x7c00', '1_000', '7c00', '-1', ''].map(parseNumber)).toEqual([
      42,
      0x7c00,
      1000,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('the layout', () => {
  test('moves a border and keeps both neighbours in sight', () => {
    expect(moved([50, 50], 0, 10)).toEqual([60, 40]);
    expect(moved([50, 30, 20], 1, 100)).toEqual([50, 40, LEAST_SHARE]);
    expect(moved([50, 30, 20], 0, -100)).toEqual([LEAST_SHARE, 70, 20]);
  });

  test('takes what fits from a link and fills in the rest', () => {
    const layout = completed({ columns: [1, 3], code: [100], nonsense: [1] });
    expect(layout).toEqual({ ...DEFAULT_LAYOUT, columns: [25, 75] });
  });
});

describe('what is shown', () => {
  test('is general and hexadecimal at first, and takes what it knows from a link', () => {
    const first = { registers: 'general', lanes: 'hex', terminal: 'console', lower: 'exits' };
    expect(completedShown({})).toEqual(first);
    const link = { registers: 'x87', lanes: 'f128', terminal: 'shell' };
    expect(completedShown(link)).toEqual({ ...first, registers: 'x87', terminal: 'shell' });
  });
});

describe('the heat map', () => {
  test.each([
    [16, 300, 100],
    [4096, 300, 100],
    [32768, 300, 100],
    [262144, 200, 60],
  ])('lays %i pages onto %i by %i pixels without losing one', (pages, width, height) => {
    const { cellWidth, cellHeight, rows } = gridOf(pages, width, height);
    expect(ROW_PAGES * cellWidth).toBeLessThanOrEqual(width);
    expect(Math.ceil(Math.ceil(pages / ROW_PAGES) / rows) * cellHeight).toBeLessThanOrEqual(height);
  });
});

describe('a value read each frame', () => {
  test('counts as unchanged when its structure is', () => {
    expect(isSame({ rip: 1n, list: [1, { a: 2 }] }, { rip: 1n, list: [1, { a: 2 }] })).toBe(true);
    expect(isSame({ rip: 1n }, { rip: 2n })).toBe(false);
    expect(isSame(new Uint8Array([1, 2]), new Uint8Array([1, 2]))).toBe(true);
    expect(isSame([1], [1, 2])).toBe(false);
    expect(isSame(undefined, {})).toBe(false);
  });
});
