// Texts of values: what is read, what is printed, what is refused.
import { describe, expect, test } from 'vitest';
import { boolean, decimal, hex, parseInteger, parseSize, size, word, words } from '../../../web/fs/index.ts';

describe('formats', () => {
  test.each([
    ['4096', 4096n],
    ['0x1000', 4096n],
    ['0XfF', 255n],
    ['0b101', 5n],
    ['-1', -1n],
    ['+7', 7n],
    ['010', 10n],
  ])('%s is a number', (text, value) => expect(parseInteger(text)).toBe(value));

  test.each(['', '0x', '1.5', '1e3', 'x', '1 2', '0b2', '--1', '1K'])('%s is no number', (text) =>
    expect(() => parseInteger(text)).toThrow('EINVAL'),
  );

  test.each([
    ['0', 0n],
    ['4K', 4096n],
    ['4k', 4096n],
    ['4M', 4194304n],
    ['1G', 1n << 30n],
    ['2T', 1n << 41n],
    ['1KiB', 1024n],
    ['0x10M', 16n << 20n],
  ])('%s is a size', (text, value) => expect(parseSize(text)).toBe(value));

  test.each(['', 'K', '-4K', '4X', '1.5M', '4iB'])('%s is no size', (text) =>
    expect(() => parseSize(text)).toThrow('EINVAL'),
  );

  test('sizes are printed with the largest whole unit', () => {
    expect([0n, 1n, 4096n, 4097n, 1n << 30n].map(size.format)).toEqual(['0', '1', '4K', '4097', '1G']);
  });

  test('unsigned numbers take two’s complement and refuse what does not fit', () => {
    expect(hex(8).parse('-1')).toBe(0xffn);
    expect(hex(8).parse('-128')).toBe(0x80n);
    expect(() => hex(8).parse('256')).toThrow('8 bits');
    expect(() => hex(8).parse('-129')).toThrow('8 bits');
    expect(hex(64).format(0xffffn)).toBe('0xffff');
  });

  test('the rest is as narrow as it says', () => {
    expect(decimal(1, 3).parse('0x3')).toBe(3);
    expect(() => decimal(1, 3).parse('4')).toThrow('between 1 and 3');
    expect(boolean.parse('1')).toBe(true);
    expect(() => boolean.parse('true')).toThrow('0 or 1');
    expect(() => word('a', 'b').parse('c')).toThrow('one of a, b');
    expect(words('a', 'b').parse('b,a,b')).toEqual(['b', 'a']);
    expect(words('a').format(words('a').parse(''))).toBe('none');
  });
});
