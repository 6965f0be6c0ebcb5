// The KVM tables against numbers read from the compiled header (test/fixtures/kvm/abi.json).

import { describe, expect, test } from 'vitest';
import {
  decode,
  ERRNO,
  EXITS,
  encode,
  encodeInto,
  findIoctl,
  IOCTLS,
  KVM,
  KVM_CAP,
  KVM_EXIT,
  KvmError,
  kvm_cpuid2,
  kvm_ioapic_state,
  kvm_msrs,
  kvm_regs,
  kvm_run,
  kvm_sregs,
  kvm_vcpu_events,
  leaves,
  readArm,
  STRUCTS,
  type Struct,
  type StructName,
} from '../../../web/kvm/abi/index.ts';
import header from '../../fixtures/kvm/abi.json' with { type: 'json' };

type Row = readonly [name: string, offset: string, type: string, size: number | null];
const structs = header.structs as unknown as Record<string, { size: number; fields: readonly Row[] }>;

/** Nested structs, unions and their fields by the names the fixture uses. */
function flattened(name: string): Map<string, { offset: number; size: number; type: string }> {
  const struct = STRUCTS[name as StructName] as Struct<unknown>;
  const direct = struct.fields.map((f) => ({
    name: f.name,
    offset: f.offset,
    size: f.type.size,
    type: f.type.name,
  }));
  return new Map([...leaves(struct), ...direct].map((leaf) => [leaf.name, leaf]));
}

const plain = (type: string) => type.replace(/^struct /, '').replace(/\[.*$/, '');

describe('the struct table', () => {
  test.each(Object.keys(structs))('struct %s has the size of the header', (name) => {
    expect(STRUCTS[name as StructName].size).toBe(structs[name]?.size);
  });

  test.each(Object.keys(structs))('every field of %s lies where the header has it', (name) => {
    const ours = flattened(name);
    for (const [field, offset, type, size] of structs[name]?.fields ?? []) {
      if (field.startsWith('redirtbl') || size === null) continue;
      const found = ours.get(field.replace(/\[.*$/, ''));
      expect(found, field).toBeDefined();
      expect([field, found?.offset, found?.size]).toEqual([field, Number(offset), size]);
      expect([field, plain(found?.type ?? '')]).toEqual([field, plain(type)]);
    }
  });

  test('the union of kvm_run is padded to 256 bytes and the sync area lies at 304', () => {
    const at = flattened('kvm_run');
    expect([
      at.get('padding')?.offset,
      at.get('kvm_valid_regs')?.offset,
      at.get('s.regs.regs.rax')?.offset,
    ]).toEqual([32, 288, 304]);
  });

  test('a redirection entry keeps the bit-fields of the header', () => {
    const redirtbl = Array.from({ length: 24 }, () => ({ bits: 0n }));
    redirtbl[1] = { bits: 0x0100_0000_0001_a931n };
    const { redirtbl: table } = decode(kvm_ioapic_state, encode(kvm_ioapic_state, { redirtbl }));
    expect(table[1]?.fields).toEqual({
      ...{ vector: 0x31, delivery_mode: 1, dest_mode: 1, delivery_status: 0, polarity: 1, remote_irr: 0 },
      ...{ trig_mode: 1, mask: 1, reserve: 0, reserved: new Uint8Array(4), dest_id: 1 },
    });
  });
});

describe('the codec', () => {
  test('a struct read from written bytes is the same', () => {
    const regs = decode(kvm_regs, encode(kvm_regs, { rip: 0x7c00, rflags: 2n, rax: -1n }));
    expect([regs.rip, regs.rflags, regs.rax, regs.r15]).toEqual([0x7c00n, 2n, 0xffff_ffff_ffff_ffffn, 0n]);
  });

  test('fields that a write does not name keep their bytes', () => {
    const data = encode(kvm_sregs, { cr0: 0x11n, cs: { selector: 8, limit: 0xffff } });
    encodeInto(kvm_sregs, data, { cs: { selector: 16 } });
    const { cr0, cs } = decode(kvm_sregs, data);
    expect([cr0, cs.selector, cs.limit]).toEqual([0x11n, 16, 0xffff]);
  });

  test('a flexible array is as long as the bytes behind the struct', () => {
    const data = encode(kvm_msrs, {
      nmsrs: 2,
      entries: [{ index: 0x10 }, { index: 0xc0000080, data: 0x500n }],
    });
    expect(data.byteLength).toBe(8 + 2 * 16);
    expect(decode(kvm_msrs, data).entries[1]).toEqual({ index: 0xc0000080, reserved: 0, data: 0x500n });
  });

  test('a wrong size is EINVAL and says the right one', () => {
    expect(() => decode(kvm_regs, new Uint8Array(143))).toThrow(
      'EINVAL: struct kvm_regs is 144 bytes; 143 bytes',
    );
    expect(() => decode(kvm_cpuid2, new Uint8Array(9))).toThrow(
      'EINVAL: struct kvm_cpuid2 is 8 bytes and 40 for each',
    );
  });

  test('a value that does not fit, and a field that is not there, are EINVAL by name', () => {
    expect(() => encode(kvm_sregs, { cs: { dpl: 256 } })).toThrow('EINVAL: kvm_sregs.cs.dpl holds 8 bits');
    expect(() => encode(kvm_regs, { rax: 1.5 })).toThrow('EINVAL: kvm_regs.rax must be a whole number');
    expect(() => encode(kvm_regs, { eax: 1 } as object)).toThrow('EINVAL: kvm_regs has no field eax');
    expect(() => encode(kvm_vcpu_events, { reserved: new Uint8Array(27) })).toThrow('EINVAL');
  });

  test('two names of the same bytes that disagree are EINVAL', () => {
    const both = { io: { direction: 1, size: 1, port: 0x3f8 }, mmio: { phys_addr: 1n } };
    expect(() => encode(kvm_run, both)).toThrow('shares its bytes with another field');
  });
});

describe('requests, exits, capabilities, errno', () => {
  test.each(header.ioctls as string[][])('%s encodes as in the header', (name, dir, nr, arg, value) => {
    const ours = IOCTLS.find((ioctl) => ioctl.name === name);
    expect([ours?.dir || '-', ours?.nr, ours?.arg ?? '-', ours?.value]).toEqual([
      dir,
      Number(nr),
      arg,
      Number(value),
    ]);
  });

  test('no request is missing or invented, and each is found by its value', () => {
    expect(IOCTLS).toHaveLength(header.ioctls.length);
    expect(findIoctl(KVM.KVM_GET_REGS)?.name).toBe('KVM_GET_REGS');
    expect(IOCTLS.every((ioctl) => findIoctl(ioctl.value)?.name === ioctl.name)).toBe(true);
  });

  test('capabilities and exit reasons have the numbers of the header', () => {
    expect(KVM_CAP).toEqual(header.capabilities);
    expect(KVM_EXIT).toEqual(header.exits);
    expect(EXITS.every((exit, index) => exit.number === index)).toBe(true);
  });

  test('an arm of the exit union is read where the header has it', () => {
    const page = encode(kvm_run, {
      exit_reason: KVM_EXIT.IO,
      io: { direction: 1, port: 0x3f8, data_offset: 4096 },
    });
    expect(readArm(page, 'io')).toEqual({ direction: 1, size: 0, port: 0x3f8, count: 0, data_offset: 4096n });
  });

  test('an error carries its number, its name and a sentence', () => {
    const error = new KvmError('EEXIST', 'vCPU 0 is there already.');
    expect([error.errno, error.code, error.message]).toEqual([
      ERRNO.EEXIST,
      'EEXIST',
      'EEXIST: vCPU 0 is there already.',
    ]);
  });
});
