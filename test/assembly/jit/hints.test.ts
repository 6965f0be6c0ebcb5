// What a region's module says of its branches, for the host's compiler.

import { expect, test } from 'vitest';
import { VCPU_PAGE } from '../../../assembly/abi/map.ts';
import { IMPORTS } from '../../../web/kvm/regions.ts';
import { readRegions, readText } from '../../../web/kvm/tiers.ts';
import { guest } from '../run/machine.ts';

/** LEB128 numbers and bytes of a module, one after the other. */
class Reader {
  at = 0;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes[this.at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }
}

/** The body of the module's only function. */
function bodyOf(module: Uint8Array): Uint8Array {
  const reader = new Reader(module);
  reader.at = 8;
  for (;;) {
    const section = reader.number();
    const size = reader.number();
    if (section !== 10) {
      reader.at += size;
      continue;
    }
    reader.number();
    const bytes = reader.number();
    return module.subarray(reader.at, reader.at + bytes);
  }
}

/** `[offset in the body, taken]` of each hint, as the section has them. */
function hintsOf(module: Uint8Array): [number, number][] {
  const sections = WebAssembly.Module.customSections(
    new WebAssembly.Module(module.slice()),
    'metadata.code.branch_hint',
  );
  expect(sections).toHaveLength(1);
  const reader = new Reader(new Uint8Array(sections[0] ?? new ArrayBuffer(0)));
  expect([reader.number(), reader.number()]).toEqual([1, IMPORTS.length]);
  return Array.from({ length: reader.number() }, () => {
    const offset = reader.number();
    expect(reader.number()).toBe(1);
    return [offset, reader.number()];
  });
}

test('hints are before the code and point at its branches: a look at the TLB hits, ways out are rare', () => {
  const { vm, vcpu } = guest(
    'mov ecx, 9\nagain: add [0x3000], ecx\nmov eax, [0x3004]\ndec ecx\njnz again\nhlt',
  );
  vm.compileAfter(2);
  vcpu.enter(1000);
  const place = [vm.memory.wasm.buffer, vcpu.page - VCPU_PAGE] as const;
  const { number } = readRegions(...place).find(({ executed }) => executed > 0) ?? { number: 0 };
  const { module } = readText(...place, number) ?? { module: new Uint8Array() };
  const body = bodyOf(module);
  const hints = hintsOf(module);
  const IF = 0x04;
  const BR_IF = 0x0d;
  for (const [offset] of hints) expect([IF, BR_IF]).toContain(body[offset]);
  expect(hints.filter(([, taken]) => taken).map(([offset]) => body[offset])).toEqual([IF, IF]);
  expect(hints.map(([offset]) => offset)).toEqual(hints.map(([offset]) => offset).sort((a, b) => a - b));
});
