// Registers, vCPUs, slots, dirty log and exits, read from a memory filled by hand.
import { describe, expect, test } from 'vitest';
import { STAT_EXIT_REASONS } from '../../../../assembly/abi/calls.ts';
import { V_FCW, V_FLOAT_RESULT } from '../../../../assembly/abi/fpu.ts';
import {
  KVM_GUESTDBG_ENABLE,
  KVM_GUESTDBG_SINGLESTEP,
  KVM_GUESTDBG_USE_HW_BP,
  KVM_MEM_LOG_DIRTY_PAGES,
  KVM_MEM_READONLY,
  RUN_EXIT_REASON,
} from '../../../../assembly/abi/kvm_run.ts';
import { TRACE_RING, VCPU_MSRS, VCPU_PAGE, VM_ALIVE, VM_PAGE } from '../../../../assembly/abi/map.ts';
import { VM_ATTACHMENTS, VM_PINS } from '../../../../assembly/abi/pins.ts';
import {
  ATTR_CODE,
  ATTR_DB,
  ATTR_L,
  ATTR_P,
  ATTR_RW,
  ATTR_S,
  REQ_PAUSE,
  SEG_ATTR,
  SEG_BASE,
  SEG_STRIDE,
  V_CR0,
  V_CR4,
  V_DEBUG_CONTROL,
  V_DEBUG_DR,
  V_EFER,
  V_GPR,
  V_ICOUNT_END,
  V_MP_STATE,
  V_REQUESTS,
  V_RFLAGS,
  V_RIP,
  V_SEGS,
  V_STAT_EXITS,
} from '../../../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT, KVM_RUN_UNION, MachineMemory, Pin } from '../../../../web/kvm/index.ts';
import {
  addressSpace,
  CR0_BITS,
  clearWords,
  codeSize,
  countDirty,
  DEVICE_PAGES,
  describeSegment,
  dirtyRanges,
  exitTotals,
  hvaOf,
  isMachine,
  linearOfCode,
  memoryOf,
  modeOf,
  nameOfExit,
  pagingOf,
  peekDirty,
  readDebugging,
  readExit,
  readGuest,
  readPins,
  readRegisters,
  readSlots,
  readVcpus,
  segmentOf,
  setBits,
  setWords,
  traceHead,
  traceNumbers,
  traceStamp,
  vcpuArea,
  vcpuPage,
  viewRanges,
} from '../../../../web/session/views/index.ts';
import { EVENT_CAUSE, V_EVENT, V_EVENT_CAUSE } from '../../../../web/vmm/vcpu_words.ts';
import { addExit, addSlot, machine, setVcpu, u32, u64 } from './machine.ts';

const CS = V_SEGS + SEG_STRIDE;
const CODE = ATTR_P | ATTR_S | ATTR_CODE | ATTR_RW;

describe('the memory', () => {
  test('is a machine only with the magic and the layout of this version', () => {
    expect(isMachine(machine().memory)).toBe(true);
    expect(isMachine(memoryOf(new ArrayBuffer(0x400000)))).toBe(false);
    expect(isMachine(memoryOf(new ArrayBuffer(16)))).toBe(false);
  });
});

describe('registers', () => {
  test('come from the page of their own vCPU', () => {
    const { memory } = machine(2);
    setVcpu(memory, 1, { [V_GPR + 8]: 0x1234n, [V_RIP]: 0x7c00n });
    expect(readRegisters(memory, 1).general[1]).toBe(0x1234n);
    expect(readRegisters(memory, 1).rip).toBe(0x7c00n);
    expect(readRegisters(memory, 0).rip).toBe(0n);
  });

  test.each([
    ['real mode, 16-bit', 'paging off', { [V_CR0]: 0x10n, [CS + SEG_ATTR]: CODE }],
    ['protected mode, 16-bit', 'paging off', { [V_CR0]: 1n, [CS + SEG_ATTR]: CODE }],
    ['protected mode, 32-bit', 'paging off', { [V_CR0]: 1n, [CS + SEG_ATTR]: CODE | ATTR_DB }],
    ['protected mode, 32-bit', '32-bit paging', { [V_CR0]: 0x80000001n, [CS + SEG_ATTR]: CODE | ATTR_DB }],
    [
      'protected mode, 32-bit',
      'PAE paging',
      { [V_CR0]: 0x80000001n, [V_CR4]: 0x20n, [CS + SEG_ATTR]: CODE | ATTR_DB },
    ],
    ['virtual-8086 mode, 16-bit', 'paging off', { [V_CR0]: 1n, [V_RFLAGS]: 0x20002, [CS + SEG_ATTR]: CODE }],
    [
      'compatibility mode, 32-bit',
      '4-level paging',
      { [V_CR0]: 0x80000001n, [V_EFER]: 0x500n, [CS + SEG_ATTR]: CODE | ATTR_DB },
    ],
    [
      'long mode, 64-bit',
      '4-level paging',
      { [V_CR0]: 0x80000001n, [V_EFER]: 0x500n, [CS + SEG_ATTR]: CODE | ATTR_L },
    ],
  ])('tell the mode: %s, %s', (mode, paging, words) => {
    const { memory } = machine();
    setVcpu(memory, 0, words);
    const registers = readRegisters(memory, 0);
    expect([modeOf(registers), pagingOf(registers)]).toEqual([mode, paging]);
    expect(`${codeSize(registers)}`).toBe(/\d+/.exec(mode.split(', ')[1] ?? '')?.[0]);
  });

  test('give the linear address of code: CS base and RIP, wrapped at 32 bits outside long mode', () => {
    const { memory } = machine();
    setVcpu(memory, 0, { [CS + SEG_BASE]: 0xffff0000n, [CS + SEG_ATTR]: CODE });
    expect(linearOfCode(readRegisters(memory, 0), 0xfff0n)).toBe(0xfffffff0n);
    expect(linearOfCode(readRegisters(memory, 0), 0x1fff0n)).toBe(0xfff0n);
  });

  test('name the bits that are set, and describe segments', () => {
    expect(setBits(0x80000011, CR0_BITS).map((bit) => bit.name)).toEqual(['PE', 'ET', 'PG']);
    const { memory } = machine();
    setVcpu(memory, 0, { [CS + SEG_ATTR]: CODE | ATTR_DB | 0x60 });
    expect(describeSegment(segmentOf(readRegisters(memory, 0), 'cs'))).toBe('32-bit code, ring 3');
    expect(describeSegment(segmentOf(readRegisters(memory, 0), 'fs'))).toBe('not usable');
  });
});

describe('the debugger', () => {
  test('gives what the debug registers hold, in the words that set and clear it', () => {
    const { memory } = machine();
    expect(readDebugging(memory, 0)).toEqual({ singlestep: false, points: [] });
    // DR0: execute 0x1000; DR1: off; DR2: write 8 bytes at 0x2000; DR3: read or write 4 bytes.
    setVcpu(memory, 0, {
      [V_DEBUG_CONTROL]: KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP | KVM_GUESTDBG_SINGLESTEP,
      [V_DEBUG_DR]: 0x1000n,
      [V_DEBUG_DR + 16]: 0x2000n,
      [V_DEBUG_DR + 24]: 0xffff_8000_0000_3000n,
      [V_DEBUG_DR + 56]: 0xf900_0051n,
    });
    const { singlestep, points } = readDebugging(memory, 0);
    expect(singlestep).toBe(true);
    expect(points.map(setWords)).toEqual([
      'break=0x1000',
      'watch=0x2000,8,w',
      'watch=0xffff800000003000,4,rw',
    ]);
    expect(points.map(clearWords)[0]).toBe('clear=0x1000');
  });

  test('has nothing set when hardware breakpoints are off, whatever the registers hold', () => {
    const { memory } = machine();
    setVcpu(memory, 0, { [V_DEBUG_CONTROL]: KVM_GUESTDBG_ENABLE, [V_DEBUG_DR + 56]: 0xffn });
    expect(readDebugging(memory, 0).points).toEqual([]);
  });
});

describe('vCPUs', () => {
  test('say what they do and how far they came', () => {
    const { memory } = machine(3);
    setVcpu(memory, 0, { [V_ICOUNT_END]: 5_000_000_000n, [V_STAT_EXITS]: 7n });
    setVcpu(memory, 1, { [V_MP_STATE]: 1 });
    setVcpu(memory, 2, { [V_MP_STATE]: 3 });
    const vcpus = readVcpus(memory, { state: 'running' });
    expect(vcpus.map((vcpu) => vcpu.state)).toEqual(['running', 'waiting for SIPI', 'halted']);
    expect(vcpus[0]).toMatchObject({ instructions: 5_000_000_000, exits: 7 });
  });

  test('are parked on an exit that nobody claims', () => {
    const { memory } = machine(2);
    const vcpus = readVcpus(memory, { state: 'paused', parked: { vcpu: 1, reason: 6, sentence: '' } });
    expect(vcpus.map((vcpu) => vcpu.state)).toEqual(['paused', 'parked']);
  });
});

describe('a vCPU says', () => {
  test('whether it is paused, and nothing of an event before the first', () => {
    const { memory } = machine(2);
    setVcpu(memory, 1, { [V_REQUESTS]: REQ_PAUSE });
    const vcpus = readVcpus(memory, { state: 'running' });
    expect(vcpus.map(({ paused, event }) => ({ paused, event }))).toEqual([
      { paused: false, event: undefined },
      { paused: true, event: undefined },
    ]);
  });

  test('which exit parked it, in the words of its event file', () => {
    const { memory } = machine();
    setVcpu(memory, 0, { [V_EVENT]: 1, [V_EVENT_CAUSE]: EVENT_CAUSE.exit });
    const page = vcpuArea(0);
    u32(memory, page + RUN_EXIT_REASON, KVM_EXIT.MMIO);
    u64(memory, page + KVM_RUN_UNION, 0xe0000000n);
    u32(memory, page + KVM_RUN_UNION + 16, 4);
    expect(readVcpus(memory, { state: 'paused' })[0]?.event).toBe('mmio read phys_addr=0xe0000000 len=4');
  });
});

describe('pins', () => {
  test('name their holders and what these have attached', () => {
    const { memory } = machine();
    const kvm = new MachineMemory({ buffer: memory.bytes.buffer } as WebAssembly.Memory);
    u32(memory, VM_PAGE + VM_ALIVE, 1);
    expect(readPins(memory)).toEqual([]);
    const pin = Pin.claim(kvm, { name: 'rng0', kind: 'module' });
    pin.attach('vmap', { address: 0x1000n, length: 8192 });
    pin.attach('ioevent', { address: 0x510n, pio: true });
    pin.copied(100);
    expect(readPins(memory)).toMatchObject([
      { name: 'rng0', kind: 'module', vmaps: 1, ioevents: 1, irqfds: 0, mapped: 8192, bytes: 100n },
    ]);
  });
});

describe('slots', () => {
  test('come sorted by address, without the unused ones', () => {
    const { memory } = machine();
    addSlot(memory, 0, { gpa: 0x100000, size: 0x10000, hva: 0x900000 });
    addSlot(memory, 2, {
      gpa: 0,
      size: 0xa0000,
      hva: 0x800000,
      flags: KVM_MEM_READONLY | KVM_MEM_LOG_DIRTY_PAGES,
    });
    expect(readSlots(memory).map((slot) => slot.id)).toEqual([2, 0]);
    expect(readSlots(memory)[0]).toMatchObject({ readonly: true, logDirty: true, size: 0xa0000 });
  });

  test('and holes fill the space without a gap, holes compressed', () => {
    const { memory } = machine();
    addSlot(memory, 0, { gpa: 0, size: 0xa0000 });
    addSlot(memory, 1, { gpa: 0x100000, size: 0x3f00000 });
    const space = addressSpace(readSlots(memory));
    expect(space.map((part) => part.slot?.id)).toEqual([0, undefined, 1, undefined]);
    expect(space.map((part) => part.start).slice(1)).toEqual(space.map((part) => part.end).slice(0, -1));
    expect(space.reduce((sum, part) => sum + part.share, 0)).toBeCloseTo(1);
    expect(space.at(-1)).toMatchObject({ compressed: true, end: 2 ** 32 });
  });

  test('translate guest-physical addresses, and refuse holes', () => {
    const { memory, heap } = machine();
    addSlot(memory, 0, { gpa: 0x1000, size: 0x1000, hva: heap });
    memory.bytes.set([1, 2, 3], heap + 0xffe);
    const slots = readSlots(memory);
    expect(hvaOf(slots, 0x1010)).toBe(heap + 0x10);
    expect(hvaOf(slots, 0x2000)).toBeUndefined();
    expect([...readGuest(memory, slots, 0x1ffe, 16)]).toEqual([1, 2]);
    expect(readGuest(memory, slots, 0x2000, 16)).toHaveLength(0);
  });
});

describe('the dirty log', () => {
  test('shows what the next harvest will give, as counts and ranges', () => {
    const { memory, heap } = machine();
    addSlot(memory, 0, { gpa: 0x100000, size: 0x10000, flags: KVM_MEM_LOG_DIRTY_PAGES, bitmap: heap });
    memory.bytes.set([0b1000_0110, 0b1], heap);
    const slot = readSlots(memory)[0];
    if (!slot) throw new Error('no slot');
    const bitmap = peekDirty(memory, slot);
    expect(countDirty(bitmap)).toBe(4);
    expect(dirtyRanges(bitmap, slot)).toEqual([
      { start: 0x101000, end: 0x103000, pages: 2 },
      { start: 0x107000, end: 0x109000, pages: 2 },
    ]);
  });

  test('is empty for a slot that logs nothing', () => {
    const { memory } = machine();
    addSlot(memory, 0, { gpa: 0, size: 0x10000 });
    const slot = readSlots(memory)[0];
    expect(slot && peekDirty(memory, slot)).toHaveLength(0);
  });
});

describe('exits', () => {
  const out3f8 = [1, 1, 0xf8, 3, 1, 0, 0, 0];

  test('are read with fields, one line and one sentence', () => {
    const { memory } = machine();
    addExit(memory, { reason: 2, union: out3f8, repeats: 3, time: 5n });
    const exit = readExit(memory, 0);
    expect(exit).toMatchObject({
      name: 'KVM_EXIT_IO',
      line: 'io out port=0x3f8 size=1 count=1 data=00',
      repeats: 3,
      time: 5,
    });
    expect(exit.sentence).toMatch(/device/);
  });

  test('of MMIO carry the data of a write only', () => {
    const { memory } = machine();
    const mmio = (write: number) => [
      0,
      0,
      0,
      0xd0,
      0,
      0,
      0,
      0,
      0xaa,
      0xbb,
      0,
      0,
      0,
      0,
      0,
      0,
      2,
      0,
      0,
      0,
      write,
    ];
    addExit(memory, { reason: 6, union: mmio(1), claimed: false });
    addExit(memory, { reason: 6, union: mmio(0) });
    expect(readExit(memory, 0)).toMatchObject({
      line: 'mmio write phys_addr=0xd0000000 len=2 data=aa bb',
      claimed: false,
    });
    expect(readExit(memory, 1).line).toBe('mmio read phys_addr=0xd0000000 len=2');
  });

  test('are filtered by reason', () => {
    const { memory } = machine();
    addExit(memory, { reason: 2, union: out3f8, repeats: 3 });
    addExit(memory, { reason: 5 });
    expect(traceNumbers(memory, new Set([5]))).toEqual([1]);
  });

  test('are counted by reason over all vCPUs, those that the ring holds no more too', () => {
    const { memory } = machine(2);
    const counts = VCPU_MSRS - VCPU_PAGE + STAT_EXIT_REASONS;
    setVcpu(memory, 0, { [counts + 2 * 8]: 5000n });
    setVcpu(memory, 1, { [counts + 2 * 8]: 7n, [counts + 6 * 8]: 1n });
    expect([...exitTotals(memory)].map(([reason, exits]) => [nameOfExit(reason), exits])).toEqual([
      ['IO', 5007],
      ['MMIO', 1],
    ]);
  });

  test('beyond the size of the ring push out the oldest, and every change moves the stamp', () => {
    const { memory } = machine();
    const before = traceStamp(memory);
    for (let count = 0; count < 4100; count++) addExit(memory, { reason: 2, union: out3f8, vcpu: count & 1 });
    expect(traceStamp(memory)).not.toBe(before);
    expect(traceHead(memory)).toBe(4100);
    expect(traceNumbers(memory)).toHaveLength(4096);
    expect(traceNumbers(memory)[0]).toBe(4);
    expect(readExit(memory, 4099).vcpu).toBe(1);
  });
});

describe('the ranges that views read', () => {
  const offsets = (ranges: readonly { offset: number }[]) => ranges.map(({ offset }) => offset);

  test('are the VM page, its pins, the devices and the trace of an empty copy', () => {
    const ranges = viewRanges(memoryOf(new ArrayBuffer(0x200000)));
    const devices = DEVICE_PAGES.offset;
    expect(offsets(ranges)).toEqual([
      VM_PAGE,
      VM_PAGE + VM_PINS,
      VM_PAGE + VM_ATTACHMENTS,
      devices,
      TRACE_RING,
    ]);
  });

  test('are vCPUs with their run pages, and dirty bitmaps, once they are known', () => {
    const { memory, heap } = machine(2);
    addSlot(memory, 0, { gpa: 0, size: 0x20000, flags: KVM_MEM_LOG_DIRTY_PAGES, bitmap: heap });
    const known = viewRanges(memory).slice(5);
    const vcpu = (id: number) => [
      vcpuArea(id),
      vcpuPage(id),
      vcpuPage(id) + V_FCW,
      vcpuArea(id) + VCPU_MSRS + STAT_EXIT_REASONS,
    ];
    expect(offsets(known)).toEqual([...vcpu(0), ...vcpu(1), heap]);
    expect(known.at(-1)).toEqual({ offset: heap, length: 4 });
    expect(known[2]?.length).toBe(V_FLOAT_RESULT - V_FCW);
  });
});
