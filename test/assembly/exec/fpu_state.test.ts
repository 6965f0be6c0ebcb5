// FXSAVE, FXRSTOR, XSAVE, XRSTOR, XSAVEOPT, LDMXCSR, EMMS and FWAIT: the state as a whole.
import { describe, expect, test } from 'vitest';
import { V_IGNNE } from '../../../assembly/abi/fpu.ts';
import { KVM_EXIT } from '../../../web/kvm/index.ts';
import { Machine, type Registers } from './machine.ts';

const machine = new Machine('long');
const { vcpu, ram, vm } = machine;
const view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
const IMAGE = 0x20000;
const OSFXSR = 0x620n;
const OSXSAVE = 0x40620n;

interface Setting {
  cr0?: bigint;
  cr4?: bigint;
  xcr0?: bigint;
}

/** Runs `code` with RBX at the image; true when it came to its HLT. */
function runs(
  code: string,
  { cr0, cr4 = OSXSAVE, xcr0 = 7n }: Setting = {},
  registers: Registers = {},
): boolean {
  vcpu.setXcrs({ nr_xcrs: 1, xcrs: [{ xcr: 0, value: xcr0 }] });
  machine.prepare(code, { rbx: IMAGE, rax: 7, ...registers });
  vcpu.setSregs({ cr4, ...(cr0 === undefined ? {} : { cr0 }) });
  return machine.go() === KVM_EXIT.HLT;
}

const FXSAVE = '480fae03';
const FXRSTOR = '480fae0b';
const XSAVE = '480fae23';
const XRSTOR = '480fae2b';
const XSAVEOPT = '480fae33';

/** A state in which every register differs. */
function fill(): void {
  vcpu.setXcrs({ nr_xcrs: 1, xcrs: [{ xcr: 0, value: 7n }] });
  const image = new Uint32Array(1024).map((_, i) => 0x01010101 * (i & 0xff));
  image[0] = 0x2800037f; // TOP = 5
  image[1] = 0x1d900e0;
  image[6] = 0x1fa0;
  for (let i = 0; i < 8; i++) image.set([i, 0x80000000 + i, 0x3fff + i, 0], 8 + i * 4);
  image.fill(0, 128, 144); // the header
  image[128] = 7;
  vcpu.setXsave({ region: Array.from(image) });
}

describe('FXSAVE', () => {
  test('writes what KVM_GET_XSAVE shows, and FXRSTOR brings it back', () => {
    fill();
    ram.fill(0xee, IMAGE, IMAGE + 512);
    expect(runs(FXSAVE, { cr4: OSFXSR })).toBe(true);
    const words = new Uint32Array(vm.read(IMAGE, 512).buffer.slice(0));
    const legacy = vcpu.getXsave().region.slice(0, 104);
    expect(Array.from(words.slice(0, 104))).toEqual(legacy);
    expect(words[116]).toBe(0xeeeeeeee);
    const before = vcpu.getFpu();
    vcpu.setFpu({ fcw: 0x40, fsw: 0, ftwx: 0, mxcsr: 0, fpr: new Uint8Array(128), xmm: new Uint8Array(256) });
    expect(runs(FXRSTOR, { cr4: OSFXSR })).toBe(true);
    expect(vcpu.getFpu()).toEqual(before);
  });

  test.each(['FXRSTOR', 'XRSTOR', 'KVM_SET_FPU', 'KVM_SET_XSAVE'])(
    '%s takes the bits of FCW that exist',
    (how) => {
      fill();
      const { region } = vcpu.getXsave();
      ram.set(new Uint8Array(Uint32Array.from(region).buffer), IMAGE);
      view.setUint16(IMAGE, 0xffbf, true);
      if (how === 'KVM_SET_FPU') vcpu.setFpu({ fcw: 0xffbf });
      else if (how === 'KVM_SET_XSAVE')
        vcpu.setXsave({ region: [(region[0] as number) | 0xffbf, ...region.slice(1)] });
      else expect(runs(how === 'FXRSTOR' ? FXRSTOR : XRSTOR)).toBe(true);
      expect(vcpu.getFpu().fcw).toBe(0x1f7f);
    },
  );

  test('without CR4.OSFXSR leaves the XMM part alone', () => {
    fill();
    ram.fill(0xee, IMAGE, IMAGE + 512);
    expect(runs(FXSAVE, { cr4: 0x20n })).toBe(true);
    expect(view.getUint32(IMAGE + 160, true)).toBe(0xeeeeeeee);
  });

  test.each([
    ['a misaligned operand', { rbx: IMAGE + 8 }, {}],
    ['CR0.TS', {}, { cr0: 0x80000019n }],
    ['CR0.EM', {}, { cr0: 0x80000015n }],
  ])('faults for %s', (_, registers, setting) => {
    expect(runs(FXSAVE, setting, registers)).toBe(false);
  });

  test('FXRSTOR refuses an MXCSR with bits that do not exist', () => {
    view.setUint32(IMAGE + 24, 0x10000, true);
    expect(runs(FXRSTOR)).toBe(false);
  });
});

describe('XSAVE', () => {
  test('writes the requested components and XSTATE_BV, and XRSTOR brings them back', () => {
    fill();
    const before = vcpu.getXsave();
    ram.fill(0, IMAGE, IMAGE + 1024);
    expect(runs(XSAVE)).toBe(true);
    expect(view.getUint32(IMAGE + 512, true)).toBe(7);
    expect(view.getUint32(IMAGE + 576 + 240, true)).toBe(before.region[(576 + 240) / 4]);
    vcpu.setXsave({ region: Array<number>(1024).fill(0) });
    expect(runs(XRSTOR)).toBe(true);
    expect(vcpu.getXsave()).toEqual(before);
  });

  test('clears the bits of components in their initial state, and XRSTOR makes them initial', () => {
    vcpu.setXsave({ region: Array<number>(1024).fill(0) });
    ram.fill(0, IMAGE, IMAGE + 1024);
    view.setUint32(IMAGE + 512, 7, true);
    expect(runs(XSAVE)).toBe(true);
    expect(view.getUint32(IMAGE + 512, true)).toBe(0);
    fill();
    expect(runs(XRSTOR)).toBe(true);
    const { fcw, ftwx, xmm } = vcpu.getFpu();
    expect([fcw, ftwx, xmm.some((byte) => byte !== 0)]).toEqual([0x37f, 0, false]);
  });

  test('of one component leaves the rest of the image alone', () => {
    fill();
    ram.fill(0xee, IMAGE, IMAGE + 832);
    view.setUint32(IMAGE + 512, 0, true);
    expect(runs(XSAVE, {}, { rax: 1 })).toBe(true);
    expect([view.getUint32(IMAGE + 160, true), view.getUint32(IMAGE + 576, true)]).toEqual([
      0xeeeeeeee, 0xeeeeeeee,
    ]);
    expect(view.getUint32(IMAGE + 512, true)).toBe(1);
  });

  test('XSAVEOPT does not write what is in its initial state', () => {
    vcpu.setXsave({ region: Array<number>(1024).fill(0) });
    ram.fill(0xee, IMAGE, IMAGE + 832);
    view.setUint32(IMAGE + 512, 0, true);
    expect(runs(XSAVEOPT)).toBe(true);
    expect([view.getUint32(IMAGE + 160, true), view.getUint32(IMAGE + 576, true)]).toEqual([
      0xeeeeeeee, 0xeeeeeeee,
    ]);
  });

  test.each([
    ['without CR4.OSXSAVE', {}, { cr4: OSFXSR }],
    ['for a misaligned operand', { rbx: IMAGE + 16 }, {}],
    ['under CR0.TS', {}, { cr0: 0x80000019n }],
  ])('faults %s', (_, registers, setting) => {
    expect(runs(XSAVE, setting, registers)).toBe(false);
  });

  test.each([
    ['a component that XCR0 has not', 512, 0x200],
    ['a compacted image', 527, 0x80],
    ['reserved bytes', 530, 1],
    ['an MXCSR that does not exist', 26, 1],
  ])('XRSTOR refuses %s', (_, at, value) => {
    ram.fill(0, IMAGE, IMAGE + 1024);
    view.setUint16(IMAGE + at, value, true);
    expect(runs(XRSTOR)).toBe(false);
  });
});

test('LDMXCSR and STMXCSR move MXCSR, and #GP guards its reserved bits', () => {
  view.setUint32(IMAGE, 0xffbf, true);
  expect(runs('0fae13 0fae5b04')).toBe(true);
  expect(view.getUint32(IMAGE + 4, true)).toBe(0xffbf);
  view.setUint32(IMAGE, 0x10000, true);
  expect(runs('0fae13')).toBe(false);
});

test('EMMS empties every register', () => {
  fill();
  expect(runs('0f77')).toBe(true);
  expect([vcpu.getFpu().ftwx, vcpu.getFpu().fsw]).toEqual([0, 0]);
});

test('FWAIT is #NM under CR0.MP and CR0.TS, and #MF where an exception waits', () => {
  vcpu.setXsave({ region: Array<number>(1024).fill(0) });
  expect([runs('9b'), runs('9b', { cr0: 0x80000019n }), runs('9b', { cr0: 0x8000001bn })]).toEqual([
    true,
    true,
    false,
  ]);
  vcpu.setFpu({ fcw: 0x37e, fsw: 1 });
  expect(runs('9b', { cr0: 0x80000031n })).toBe(false);
});

test('XGETBV reads XCR0, XSETBV writes what CPUID announces', () => {
  expect(runs('0f01d0', {}, { rcx: 0 })).toBe(true);
  expect(vcpu.getRegs().rax).toBe(7n);
  expect(runs('0f01d0', {}, { rcx: 5 })).toBe(false);
  expect(runs('0f01d1', {}, { rcx: 0, rax: 5, rdx: 0 })).toBe(false);
});

test('an image in MMIO leaves whole, in pieces of 8 bytes', () => {
  fill();
  const written = new Map<bigint, bigint>();
  const where = 0x300000; // above RAM
  machine.prepare(FXSAVE, { rbx: where });
  let reason = machine.go();
  for (; reason === KVM_EXIT.MMIO; reason = machine.go()) {
    const { gpa, data, write } = vcpu.kvmRun.mmio;
    expect([data.length, write]).toEqual([8, true]);
    written.set(gpa, new DataView(data.slice().buffer).getBigUint64(0, true));
  }
  expect([reason, written.size]).toEqual([KVM_EXIT.HLT, 52]);
  expect(written.get(BigInt(where + 32))).toBe(
    new DataView(Uint32Array.from(vcpu.getXsave().region).buffer).getBigUint64(32, true),
  );
});

test('FXRSTOR from MMIO takes every answer for what it was asked', () => {
  machine.prepare(FXRSTOR, { rbx: 0x300000 });
  const image = new DataView(new ArrayBuffer(512));
  image.setUint16(0, 0x27f, true);
  image.setUint32(24, 0x1fa0, true);
  for (let n = 0; n < 16; n++) image.setBigUint64(160 + n * 16, BigInt(n) * 0x0101010101010101n, true);
  let reason = machine.go();
  for (; reason === KVM_EXIT.MMIO; reason = machine.go()) {
    const { gpa, data, write } = vcpu.kvmRun.mmio;
    expect(write).toBe(false);
    data.set(new Uint8Array(image.buffer, Number(gpa) - 0x300000, data.length));
  }
  const { fcw, mxcsr, xmm } = vcpu.getFpu();
  expect([reason, fcw, mxcsr, xmm[15 * 16]]).toEqual([KVM_EXIT.HLT, 0x27f, 0x1fa0, 15]);
});

test('a reset ends what a write to port 0xf0 allowed', () => {
  machine.vm.memory.setU32(vcpu.page + V_IGNNE, 1);
  machine.vm.core.create_vcpu(vcpu.page);
  expect(machine.vm.memory.u32(vcpu.page + V_IGNNE)).toBe(0);
});
