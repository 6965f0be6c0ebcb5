// A module in plain Wasm, spelled out: writes option `n` to word 0 of its output, is ready, and stays while option `stay`
// is not 0. No assertions.

const text = (name: string): number[] => [name.length, ...new TextEncoder().encode(name)];
const section = (id: number, ...body: number[]): number[] => [id, body.length, ...body];

const TYPES = section(1, 3, 0x60, 2, 0x7f, 0x7e, 1, 0x7e, 0x60, 2, 0x7f, 0x7f, 1, 0x7f, 0x60, 0, 0);
const IMPORTS = section(
  2,
  3,
  ...['option', 'output_word', 'ready'].flatMap((name, type) => [...text('vitrine'), ...text(name), 0, type]),
);
const EXPORTS = section(7, 2, ...text('memory'), 2, 0, ...text('module_run'), 0, 3);
/** option(at, 0) as an i32. */
const option = (at: number): number[] => [0x41, at, 0x42, 0, 0x10, 0, 0xa7];
const BODY = [
  ...[0, 0x41, 0, ...option(0), 0x10, 1, 0x1a, 0x10, 2], // output_word(0, option("n")); ready()
  ...[0x03, 0x40, ...option(2), 0x0d, 0, 0x0b, 0x0b], // while (option("stay"));
];
const NAMES = [...new TextEncoder().encode('n\0stay\0')];

export const TINY_WASM = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...TYPES, ...IMPORTS],
  ...[...section(3, 1, 2), ...section(5, 1, 0, 1), ...EXPORTS],
  ...section(10, 1, BODY.length, ...BODY),
  ...section(11, 1, 0, 0x41, 0, 0x0b, NAMES.length, ...NAMES),
]);
