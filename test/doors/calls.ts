// The calls of the property test over the doors, as data: what is asked of which VM and vCPU, right or wrong arguments.

import fc from 'fast-check';

/** RAM of each VM, in one piece; slots name parts of it by their offset. */
export const RAM_BYTES = 0x40000;
/** The highest id that a slot may have. */
export const MAX_SLOT_ID = 255;
/** The guest's program: HLT. It stands in all of RAM. */
export const HLT = 0xf4;
/** OUT imm8, AL: what runOut puts before it. */
export const OUT = 0xe6;

/** One call. `vm` is 0 or 1, `vcpu` an id that may not exist. */
export type Call =
  | { on: 'system'; name: 'checkExtension'; cap: number }
  | { on: 'vm'; vm: number; name: 'createVcpu'; id: number }
  | {
      on: 'vm';
      vm: number;
      name: 'setMemory';
      slot: number;
      flags: number;
      gpa: bigint;
      size: number;
      offset: number;
    }
  | { on: 'vm'; vm: number; name: 'getDirtyLog'; slot: number }
  | { on: 'vm'; vm: number; name: 'clearDirtyLog'; slot: number; first: bigint; pages: number }
  | { on: 'vm'; vm: number; name: 'enableCap'; cap: number; flags: number; arg: bigint }
  | { on: 'vm'; vm: number; name: 'createIrqchip' }
  | { on: 'vm'; vm: number; name: 'createPit2' }
  | { on: 'vm'; vm: number; name: 'irqLine'; gsi: number; level: number }
  | { on: 'vm'; vm: number; name: 'signalMsi'; address: number; data: number }
  | { on: 'vm'; vm: number; name: 'getIrqchip'; chip: number }
  | { on: 'vm'; vm: number; name: 'setBootCpuId'; id: number }
  | { on: 'vm'; vm: number; name: 'ram'; offset: number }
  | {
      on: 'vm';
      vm: number;
      name: 'ioeventfd';
      fd: number;
      addr: bigint;
      len: number;
      datamatch: bigint;
      flags: number;
    }
  | { on: 'vm'; vm: number; name: 'irqfd'; fd: number; gsi: number; flags: number; resample: number }
  | { on: 'vm'; vm: number; name: 'signalEventfd' | 'readEventfd'; fd: number }
  | { on: 'vm'; vm: number; name: 'coalesce'; addr: bigint; size: number; pio: number; off: boolean }
  | { on: 'vm'; vm: number; name: 'setGsiRouting'; gsi: number; type: number; low: number; data: number }
  | { on: 'vm'; vm: number; name: 'setAlias'; slot: number; gpa: bigint; size: number; target: bigint }
  | {
      on: 'vm';
      vm: number;
      name: 'setTscKhz' | 'setNrMmuPages' | 'setTssAddr' | 'createDevice';
      value: number;
    }
  | { on: 'vm'; vm: number; name: 'getTscKhz' | 'getNrMmuPages' | 'resetDirtyRings' | 'createPit' }
  | { on: 'vm'; vm: number; name: 'setIdentityMapAddr'; address: bigint }
  | { on: 'vm'; vm: number; name: 'reinjectControl'; mode: number }
  | {
      on: 'vcpu';
      vm: number;
      vcpu: number;
      name:
        | 'getRegs'
        | 'getSregs'
        | 'getFpu'
        | 'getDebugregs'
        | 'getEvents'
        | 'getMpState'
        | 'getXcrs'
        | 'getLapic'
        | 'getCpuid'
        | 'getSregs2'
        | 'getXsave'
        | 'getVcpuTscKhz'
        | 'nmi'
        | 'runHlt'
        | 'runInterrupted';
    }
  | { on: 'vcpu'; vm: number; vcpu: number; name: 'setRegs'; rax: bigint; rip: bigint; rflags: bigint }
  | {
      on: 'vcpu';
      vm: number;
      vcpu: number;
      name: 'setSregs';
      cr0: bigint;
      cr3: bigint;
      cr4: bigint;
      efer: bigint;
      base: bigint;
    }
  | { on: 'vcpu'; vm: number; vcpu: number; name: 'setFpu'; fcw: number; mxcsr: number }
  | {
      on: 'vcpu';
      vm: number;
      vcpu: number;
      name: 'setDebugregs';
      dr0: bigint;
      dr6: bigint;
      dr7: bigint;
      flags: bigint;
    }
  | { on: 'vcpu'; vm: number; vcpu: number; name: 'setMpState'; state: number }
  | { on: 'vcpu'; vm: number; vcpu: number; name: 'setXcr0'; value: bigint }
  | { on: 'vcpu'; vm: number; vcpu: number; name: 'interrupt'; vector: number }
  | { on: 'vcpu'; vm: number; vcpu: number; name: 'getMsr'; index: number }
  | { on: 'vcpu'; vm: number; vcpu: number; name: 'setMsr'; index: number; data: bigint }
  | { on: 'vcpu'; vm: number; vcpu: number; name: 'translate'; gva: bigint }
  | { on: 'vcpu'; vm: number; vcpu: number; name: 'runOut'; port: number; al: number }
  | {
      on: 'vcpu';
      vm: number;
      vcpu: number;
      name: 'setSregs2';
      flags: bigint;
      cr0: bigint;
      cr4: bigint;
      efer: bigint;
    }
  | {
      on: 'vcpu';
      vm: number;
      vcpu: number;
      name: 'setEvents';
      flags: number;
      vector: number;
      nmi: number;
      shadow: number;
    }
  | { on: 'vcpu'; vm: number; vcpu: number; name: 'setupMce'; cap: bigint }
  | { on: 'vcpu'; vm: number; vcpu: number; name: 'setMce'; status: bigint; bank: number }
  | { on: 'vcpu'; vm: number; vcpu: number; name: 'setVcpuTscKhz'; khz: number }
  | { on: 'vcpu'; vm: number; vcpu: number; name: 'setXsave'; fcw: number; mxcsr: number; features: bigint }
  | {
      on: 'vcpu';
      vm: number;
      vcpu: number;
      name: 'setGuestDebug';
      control: number;
      dr0: bigint;
      dr7: bigint;
    };

/** A value that is right half of the time, and anything the other half. */
function half<T>(right: readonly T[], wild: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof(fc.constantFrom(...right), fc.oneof(wild, fc.constantFrom(...right)));
}

const u32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffff_ffff }));
const u64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 0xffffn }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(2n ** 63n, 2n ** 64n - 1n, 0xffff_8000_0000_0000n, 0x7fff_ffff_ffffn, 1n << 52n),
);
const page = (pages: number[]) => pages.map((n) => n * 0x1000);

const vm = fc.nat(1);
const vcpu = half([0, 0, 1], u32);
const slot = half([0, 1, 2], u32);
/** Each VM has two eventfds. */
const eventfd = fc.nat(1);
const PORTS = [0x42, 0x43, 0x80];
const MSRS = [
  0x1b, 0x174, 0x175, 0x277, 0xc000_0080, 0xc000_0081, 0xc000_0082, 0xc000_0100, 0xc000_0102, 0x1a0,
];

const onVm = <T extends Record<string, fc.Arbitrary<unknown>>>(name: string, fields: T) =>
  fc.record({ on: fc.constant('vm'), vm, name: fc.constant(name), ...fields });
const onVcpu = <T extends Record<string, fc.Arbitrary<unknown>>>(name: string, fields: T) =>
  fc.record({ on: fc.constant('vcpu'), vm, vcpu, name: fc.constant(name), ...fields });

const plain = [
  'getRegs',
  'getSregs',
  'getFpu',
  'getDebugregs',
  'getEvents',
  'getMpState',
  'getXcrs',
  'getLapic',
  'getCpuid',
  'getSregs2',
  'getXsave',
  'getVcpuTscKhz',
  'nmi',
  'runHlt',
  'runInterrupted',
];

const rows: fc.Arbitrary<unknown>[] = [
  fc.record({ on: fc.constant('system'), name: fc.constant('checkExtension'), cap: u32 }),
  onVm('createVcpu', { id: half([0, 1], u32) }),
  onVm('setMemory', {
    slot,
    flags: half([0, 1, 1, 2], u32),
    gpa: half([0n, 0x10000n, 0x20000n], u64),
    size: half(page([0, 1, 4, 16]), u32),
    offset: half(page([0, 0x10, 0x20]), u32),
  }),
  onVm('getDirtyLog', { slot }),
  onVm('clearDirtyLog', { slot, first: half([0n, 64n], u64), pages: half([64, 4, 16], fc.nat(4096)) }),
  onVm('enableCap', { cap: half([168], u32), flags: half([0], u32), arg: half([0n, 1n, 3n], u64) }),
  onVm('createIrqchip', {}),
  onVm('createPit2', {}),
  onVm('irqLine', { gsi: half([0, 4, 10], u32), level: fc.nat(1) }),
  onVm('signalMsi', { address: half([0xfee0_0000, 0xfee0_1000], u32), data: half([0x40, 0x4041], u32) }),
  onVm('getIrqchip', { chip: half([0, 1, 2], u32) }),
  onVm('setBootCpuId', { id: half([0, 1], u32) }),
  onVm('ram', { offset: fc.constantFrom(0, 0x10000, 0x20000) }),
  onVm('ioeventfd', {
    fd: eventfd,
    addr: half(PORTS.map(BigInt), u64),
    len: half([0, 1, 1, 4], u32),
    datamatch: half([0n, 1n], u64),
    flags: half([2, 2, 3, 4, 6], u32),
  }),
  onVm('irqfd', { fd: eventfd, gsi: half([4, 10], u32), flags: half([0, 0, 1, 2], u32), resample: eventfd }),
  onVm('signalEventfd', { fd: eventfd }),
  onVm('readEventfd', { fd: eventfd }),
  onVm('coalesce', {
    addr: half(PORTS.map(BigInt), u64),
    size: half([1, 4, 0x1000], u32),
    pio: half([1], u32),
    off: fc.boolean(),
  }),
  onVm('setGsiRouting', {
    gsi: half([4, 10], u32),
    type: half([1, 2], u32),
    low: half([0, 1, 2], u32),
    data: half([0, 4, 10], u32),
  }),
  onVm('setAlias', {
    slot: half([0, 1], u32),
    gpa: half([0x10_0000n, 0x11_0000n], u64),
    size: half(page([0, 4, 16]), u32),
    target: half([0n, 0x10000n], u64),
  }),
  ...['setTscKhz', 'setNrMmuPages', 'setTssAddr', 'createDevice'].map((name) =>
    onVm(name, { value: half([64, 1_000_000, 0xfffb_d000], u32) }),
  ),
  ...['getTscKhz', 'getNrMmuPages', 'resetDirtyRings', 'createPit'].map((name) => onVm(name, {})),
  onVm('setIdentityMapAddr', { address: half([0n, 0xfffb_c000n], u64) }),
  onVm('reinjectControl', { mode: fc.nat(1) }),
  onVcpu('runOut', { port: half(PORTS, fc.nat(0xff)), al: fc.nat(3) }),
  onVcpu('setSregs2', {
    flags: half([0n], u64),
    cr0: half([0x6000_0010n, 0x11n], u64),
    cr4: half([0n, 0x20n], u64),
    efer: half([0n, 0x500n], u64),
  }),
  onVcpu('setEvents', {
    flags: half([0, 1, 4, 0xd], u32),
    vector: half([3, 13, 14], fc.nat(255)),
    nmi: fc.nat(1),
    shadow: fc.nat(3),
  }),
  onVcpu('setupMce', { cap: half([0x10an, 0x0120n], u64) }),
  onVcpu('setMce', { status: half([1n << 63n], u64), bank: half([0, 1, 9], fc.nat(255)) }),
  onVcpu('setVcpuTscKhz', { khz: half([0, 1_000_000], u32) }),
  onVcpu('setXsave', {
    fcw: fc.nat(0xffff),
    mxcsr: half([0x1f80, 0xffff], u32),
    features: half([0n, 1n, 3n, 7n], u64),
  }),
  ...plain.map((name) => onVcpu(name, {})),
  onVcpu('setRegs', { rax: u64, rip: u64, rflags: u64 }),
  onVcpu('setSregs', {
    cr0: half([0x6000_0010n, 0x11n, 0x8000_0011n], u64),
    cr3: half([0n, 0x1000n], u64),
    cr4: half([0n, 0x20n], u64),
    efer: half([0n, 0x500n], u64),
    base: half([0n], u64),
  }),
  onVcpu('setFpu', { fcw: fc.nat(0xffff), mxcsr: half([0x1f80, 0xffff], u32) }),
  onVcpu('setDebugregs', {
    dr0: u64,
    dr6: half([0xffff_0ff0n], u64),
    dr7: half([0x400n, 0x401n], u64),
    flags: half([0n], u64),
  }),
  onVcpu('setMpState', { state: half([0, 1, 3], u32) }),
  onVcpu('setXcr0', { value: half([1n, 3n, 7n], u64) }),
  onVcpu('interrupt', { vector: half([0x20, 0x80, 255], u32) }),
  onVcpu('getMsr', { index: half(MSRS, u32) }),
  onVcpu('setMsr', { index: half(MSRS, u32), data: u64 }),
  onVcpu('translate', { gva: u64 }),
  onVcpu('setGuestDebug', {
    control: half([0, 1, 3, 0x20001], u32),
    dr0: u64,
    dr7: half([0x400n, 0x1n], u64),
  }),
];

/** IA32_TIME_STAMP_COUNTER reads a clock, which is another one in each door. */
const TSC = 0x10;

export const readsClock = (call: Call): boolean => call.name === 'getMsr' && call.index === TSC;

export const anyCall = fc.oneof(...rows) as fc.Arbitrary<Call>;
