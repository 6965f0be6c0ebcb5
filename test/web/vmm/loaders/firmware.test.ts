// ACPI and MP tables, found as a kernel finds them.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { writeFirmwareTables } from '../../../../web/vmm/loaders/kernel.ts';
import { Memory, MIB } from './parts.ts';

function firmware(cpus = 2): Memory {
  const memory = new Memory(MIB);
  writeFirmwareTables(memory, { cpus });
  return memory;
}

const sum = (memory: Memory, gpa: number, length: number): number =>
  memory.bytes.subarray(gpa, gpa + length).reduce((total, byte) => (total + byte) & 0xff, 0);

/** Looks for `mark` on 16-byte boundaries below 1 MiB. */
function scan(memory: Memory, mark: string): number {
  for (let gpa = 0xe0000; gpa < MIB; gpa += 16) if (memory.text(gpa, mark.length) === mark) return gpa;
  return -1;
}

/** Addresses of the tables that the XSDT lists, by signature. */
function tables(memory: Memory): Map<string, number> {
  const xsdt = memory.u64(scan(memory, 'RSD PTR ') + 24);
  const found = new Map([['XSDT', xsdt]]);
  for (let at = xsdt + 36; at < xsdt + memory.u32(xsdt + 4); at += 8)
    found.set(memory.text(memory.u64(at), 4), memory.u64(at));
  const fadt = found.get('FACP') ?? 0;
  found.set('RSDT', memory.u32(scan(memory, 'RSD PTR ') + 16));
  return found.set('DSDT', memory.u64(fadt + 140));
}

test('the RSDP is found by scanning and both its sums are right', () => {
  const memory = firmware();
  const rsdp = scan(memory, 'RSD PTR ');
  expect([rsdp % 16, memory.u8(rsdp + 15), sum(memory, rsdp, 20), sum(memory, rsdp, 36)]).toEqual([
    0, 2, 0, 0,
  ]);
});

test('every table carries its signature and a right sum', () => {
  const memory = firmware();
  const found = tables(memory);
  expect([...found.keys()].sort()).toEqual(['APIC', 'DSDT', 'FACP', 'RSDT', 'XSDT']);
  for (const [name, gpa] of found) {
    expect([memory.text(gpa, 4), sum(memory, gpa, memory.u32(gpa + 4))]).toEqual([name, 0]);
  }
});

test('the RSDT lists the same tables as the XSDT', () => {
  const memory = firmware();
  const found = tables(memory);
  const rsdt = found.get('RSDT') ?? 0;
  expect([memory.u32(rsdt + 36), memory.u32(rsdt + 40)]).toEqual([found.get('FACP'), found.get('APIC')]);
});

test('the FADT names the ports of power, timer and reset', () => {
  const memory = firmware();
  const fadt = tables(memory).get('FACP') ?? 0;
  expect([memory.u32(fadt + 4), memory.u16(fadt + 46), memory.u32(fadt + 48)]).toEqual([244, 9, 0]);
  expect([memory.u32(fadt + 56), memory.u32(fadt + 64), memory.u32(fadt + 76)]).toEqual([
    0x600, 0x604, 0x608,
  ]);
  expect([memory.u8(fadt + 88), memory.u8(fadt + 89), memory.u8(fadt + 91), memory.u8(fadt + 108)]).toEqual([
    4, 2, 4, 0x32,
  ]);
  expect([memory.u64(fadt + 120), memory.u8(fadt + 128), memory.u32(fadt + 112) & 0x500]).toEqual([
    0xcf9, 6, 0x500,
  ]);
  expect([memory.u64(fadt + 152), memory.u64(fadt + 176), memory.u64(fadt + 212)]).toEqual([
    0x600, 0x604, 0x608,
  ]);
  expect([memory.text(memory.u32(fadt + 36), 4), memory.u32(fadt + 36) % 64]).toEqual(['FACS', 0]);
});

test.each([1, 2, 32])('the MADT lists %i processors, the IOAPIC and the overrides', (cpus) => {
  const memory = firmware(cpus);
  const madt = tables(memory).get('APIC') ?? 0;
  const entries: string[] = [];
  for (let at = madt + 44; at < madt + memory.u32(madt + 4); at += memory.u8(at + 1)) {
    entries.push(`${memory.u8(at)}:${memory.u8(at + 3)}`);
  }
  const lapics = Array.from({ length: cpus }, (_, id) => `0:${id}`);
  expect(entries).toEqual([...lapics, '1:0', '2:0', '2:9', '4:0']);
});

test('the DSDT is what the ACPI compiler makes of its source', () => {
  const memory = firmware();
  const dsdt = tables(memory).get('DSDT') ?? 0;
  const compiled = readFileSync('test/fixtures/firmware/dsdt.hex', 'utf8').replaceAll(/\s/g, '');
  const ours = memory.bytes.subarray(dsdt + 36, dsdt + memory.u32(dsdt + 4));
  expect(Buffer.from(ours).toString('hex')).toBe(compiled);
});

test('the MP table is found by scanning and its entries fill its length', () => {
  const memory = firmware(3);
  const pointer = scan(memory, '_MP_');
  const config = memory.u32(pointer + 4);
  expect([
    sum(memory, pointer, 16),
    memory.text(config, 4),
    sum(memory, config, memory.u16(config + 4)),
  ]).toEqual([0, 'PCMP', 0]);
  const types: number[] = [];
  let at = config + 44;
  for (let i = 0; i < memory.u16(config + 34); i++) {
    types.push(memory.u8(at));
    at += memory.u8(at) === 0 ? 20 : 8;
  }
  expect([at, types.filter((type) => type === 0).length]).toEqual([config + memory.u16(config + 4), 3]);
  expect(memory.u32(config + 36)).toBe(0xfee00000);
});

test('the MP table wires every PCI device to a level-triggered pin beyond those of ISA', () => {
  const memory = firmware();
  const config = memory.u32(scan(memory, '_MP_') + 4);
  const wires: number[][] = [];
  for (let at = config + 44; at < config + memory.u16(config + 4); at += memory.u8(at) === 0 ? 20 : 8) {
    if (memory.u8(at) === 3 && memory.u8(at + 4) === 0)
      wires.push([memory.u16(at + 2), memory.u8(at + 5) >> 2, memory.u8(at + 7)]);
  }
  expect(wires).toEqual(Array.from({ length: 15 }, (_, n) => [15, n + 1, 16 + ((n + 1) % 8)]));
});
