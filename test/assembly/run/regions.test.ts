// Compiled regions and what changes under them: code that is written by whomever, slots, instances of the core.

import { expect, test } from 'vitest';
import {
  KVM_EXIT_IRQ_WINDOW_OPEN,
  KVM_GUESTDBG_ENABLE,
  KVM_GUESTDBG_USE_HW_BP,
  RUN_EXIT_REASON,
  RUN_REQUEST_INTERRUPT_WINDOW,
} from '../../../assembly/abi/kvm_run.ts';
import { VCPU_PAGE } from '../../../assembly/abi/map.ts';
import { RUN_EXIT, V_JIT_OWNER, V_JIT_REGIONS, V_STAT_BLOCKS } from '../../../assembly/abi/vcpu_page.ts';
import { type Vcpu, Vm } from '../../../web/kvm/index.ts';
import { flatVcpu, type Guest, load, RAM, vmWithRam } from './machine.ts';

/** One VM whose blocks are compiled before they run, if nothing else is said, one vCPU, one program. */
function compiled(source: string, vcpus = 1, jit: number | 'off' = 0): Guest {
  const vm = vmWithRam({ vcpus });
  if (jit !== 'off') vm.compileAfter(jit);
  const labels = load(vm, source);
  return { vm, vcpu: flatVcpu(vm), labels };
}

/** Enters until the HLT; RAX. */
function run(vcpu: Vcpu): number {
  expect(vcpu.enter(1_000_000)).toBe(RUN_EXIT);
  return Number(vcpu.getRegs().rax);
}

const regions = ({ vm, vcpu }: Guest): number => vm.memory.u32(vcpu.page + V_JIT_REGIONS);

/** A function at 0x2000 that gives 1, called twice by code that halts. */
const CALLS = `
    call 0x2000
    call 0x2000
    hlt
    times 0x2000 - 0x1000 - ($ - $$) db 0x90
    mov eax, 1
    ret
`;
/** The same that gives 2. */
const SECOND = new Uint8Array([0xb8, 2, 0, 0, 0, 0xc3]);

test('a store to code drops its region when the decode cache has forgotten the blocks', () => {
  // The filler has more instructions than the cache has room for.
  const machine = compiled(`
    call 0x2000
    call 0x2000
    jmp 0x10000
  back: mov byte [0x2001], 2
    call 0x2000
    hlt
    times 0x2000 - 0x1000 - ($ - $$) db 0x90
    mov eax, 1
    ret
    times 0x10000 - 0x1000 - ($ - $$) db 0x90
    times 0x18000 nop
    jmp back
  `);
  expect(run(machine.vcpu)).toBe(2);
  expect(regions(machine)).toBeGreaterThan(2);
});

test('a loop that writes the instruction behind its store goes on with the new one', () => {
  // INC EAX (40) becomes DEC EAX (48) in the third round.
  const machine = compiled(`
    mov eax, 100
    mov ecx, 5
  again: mov dl, 0x40
    cmp ecx, 3
    jne keep
    mov dl, 0x48
  keep: mov [there], dl
  there: inc eax
    dec ecx
    jnz again
    hlt
  `);
  expect(run(machine.vcpu)).toBe(103);
  expect(regions(machine)).toBeGreaterThan(2);
});

test('what another vCPU writes runs, though it wrote to the page before it was code', () => {
  const machine = compiled(`${CALLS}\nwrite: mov [0x2001], bl\nmov eax, ebx\nhlt`, 2);
  const { vm, vcpu, labels } = machine;
  const writer = flatVcpu(vm, 1, Number(labels.get('write')));
  const write = (value: number): void => {
    writer.setRegs({ ...writer.getRegs(), rip: labels.get('write') as bigint, rbx: value });
    expect(run(writer)).toBe(value);
  };
  const again = (): number => {
    vcpu.setRegs({ ...vcpu.getRegs(), rip: 0x1000 });
    return run(vcpu);
  };
  write(1);
  expect(again()).toBe(1);
  for (const value of [7, 8, 9]) {
    write(value);
    expect(again()).toBe(value);
  }
  expect(regions(machine)).toBeGreaterThan(5);
});

test('what the host writes runs', () => {
  const { vm, vcpu } = compiled(CALLS);
  expect(run(vcpu)).toBe(1);
  vm.write(0x2000, SECOND);
  vcpu.setRegs({ ...vcpu.getRegs(), rip: 0x1000 });
  expect(run(vcpu)).toBe(2);
});

test('a slot that comes back with other content has no code of before', () => {
  const { vm, vcpu } = compiled(CALLS);
  expect(run(vcpu)).toBe(1);
  const { hva } = vm.slot(0) as { hva: number };
  vm.setUserMemoryRegion({ slot: 0, guest_phys_addr: 0, memory_size: 0, userspace_addr: 0 });
  vm.memory.bytes(hva + 0x2000, SECOND.length).set(SECOND);
  vm.setUserMemoryRegion({ slot: 0, guest_phys_addr: 0, memory_size: RAM, userspace_addr: hva });
  vcpu.setRegs({ ...vcpu.getRegs(), rip: 0x1000 });
  expect(run(vcpu)).toBe(2);
});

test('a vCPU that another instance of the core runs begins without regions, and so does the first when it comes back', () => {
  const machine = compiled(CALLS);
  const { vm, vcpu } = machine;
  expect(run(vcpu)).toBe(1);
  const owner = vm.memory.u32(vcpu.page + V_JIT_OWNER);
  const count = regions(machine);
  const other = Vm.attach(vm.handle).vcpu(0);
  const runs = [other, vcpu, other].map((turn) => {
    turn.setRegs({ ...turn.getRegs(), rip: 0x1000, rax: 0 });
    return [run(turn), regions(machine), vm.memory.u32(vcpu.page + V_JIT_OWNER) === owner];
  });
  expect(runs).toEqual([
    [1, count, false],
    [1, count, true],
    [1, count, false],
  ]);
});

test('a budget of every size ends a loop where the interpreter would', () => {
  const source = `
    mov ecx, 40
  again: add eax, ecx
    test cl, 1
    jz even
    add eax, 3
  even: dec ecx
    jnz again
    hlt
  `;
  const machines = (['off', 0] as const).map((jit) => compiled(source, 1, jit));
  for (let budget = 1; budget < 60; budget++) {
    const states = machines.map(({ vcpu }) => {
      vcpu.setRegs({ ...vcpu.getRegs(), rip: 0x1000, rax: 0, rcx: 0, rflags: 2 });
      const seen = [];
      for (let why = -1; why !== RUN_EXIT; ) {
        why = vcpu.enter(budget);
        seen.push([why, vcpu.instructions, vcpu.getRegs()]);
      }
      return seen;
    });
    expect(states[1]).toEqual(states[0]);
  }
});

test('32-bit code keeps the upper half of a register that it writes in part, and clears it with 32 bits', () => {
  const wide = 0x11223344_55667788n;
  for (const jit of ['off', 0] as const) {
    const { vcpu } = compiled('mov al, 5\ninc cx\nxchg dh, dl\nmov esi, esi\nhlt', 1, jit);
    vcpu.setRegs({ ...vcpu.getRegs(), rax: wide, rcx: wide, rdx: wide, rsi: wide });
    run(vcpu);
    const { rax, rcx, rdx, rsi } = vcpu.getRegs();
    expect([rax, rcx, rdx, rsi]).toEqual([
      ...[0x11223344_55667705n, 0x11223344_55667789n, 0x11223344_55668877n, 0x55667788n],
    ]);
  }
});

test('a data breakpoint stops behind the instruction that reads or writes, inside of a region too', () => {
  const source = `
    mov ecx, 3
  again: mov eax, [0x4000]
    inc ebx
    test ecx, 1
    jz even
    inc ebx
  even: mov [0x4004], eax
    inc ebx
    dec ecx
    jnz again
    hlt
  `;
  const seen = (['off', 0] as const).map((jit) => {
    const { vcpu } = compiled(source, 1, jit);
    // DR0: reads and writes of four bytes at 0x4000; DR1: writes of four bytes at 0x4004.
    const debugreg = [0x4000n, 0x4004n, 0n, 0n, 0n, 0n, 0n, 0x400n | 0xdf_0000n | 5n];
    vcpu.setGuestDebug({ control: KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, arch: { debugreg } });
    return Array.from({ length: 7 }, () => {
      vcpu.enter(1000);
      const { rip, rbx } = vcpu.getRegs();
      return [vcpu.kvmRun.exit.name, rip, rbx, vcpu.instructions];
    });
  });
  expect(seen[0]?.map(([name]) => name)).toEqual([...Array(6).fill('KVM_EXIT_DEBUG'), 'KVM_EXIT_HLT']);
  expect(seen[1]).toEqual(seen[0]);
});

test('a loop that writes itself goes on with the new code where the tables are full', () => {
  // What is left to the interpreter fills the tables: a region of this keeps more than a kilobyte.
  const { vcpu } = compiled(`
    mov esi, 900
    xor edi, edi
  again: inc byte [there + 2]
  there: add edi, 0
    times 50 cpuid
    dec esi
    jnz again
    mov eax, edi
    hlt
  `);
  const sum = Array.from({ length: 900 }, (_, n) => ((n + 1) << 24) >> 24).reduce((a, b) => a + b);
  expect(run(vcpu) | 0).toBe(sum);
});

test.each([
  ['2 GiB', 0x7fff0000],
  ['4 GiB', 0xffff0000],
])('an access over %s reaches both pages and nothing beside them', (_, below) => {
  for (const jit of ['off', 0] as const) {
    // The page above is in the TLB already when the store comes; so is the one below.
    const end = below + 0x10000;
    const { vm, vcpu } = compiled(
      `
      mov ecx, 3
    again: mov eax, [${end % 2 ** 32}]
      mov [${end % 2 ** 32}], eax
      mov [${end - 16}], eax
      mov dword [${end - 2}], 0x44332211
      mov ebx, [${end - 1}]
      dec ecx
      jnz again
      hlt
    `,
      1,
      jit,
    );
    const gap = vm.allocate(0x30000);
    const slot = (slot: number, guest_phys_addr: number, userspace_addr: number): void =>
      vm.setUserMemoryRegion({ slot, guest_phys_addr, memory_size: 0x10000, userspace_addr });
    slot(1, below, gap);
    if (end < 2 ** 32) slot(2, end, gap + 0x20000);
    const first = end < 2 ** 32 ? gap + 0x20000 : (vm.slot(0)?.hva ?? 0);
    vm.memory.bytes(gap + 0x10000, 0x10000).fill(0x5c);
    const before = vm.memory.bytes(first - 0x1000, 0x1000).slice();
    run(vcpu);
    expect([...vm.memory.bytes(gap + 0xfffe, 2)]).toEqual([0x11, 0x22]);
    expect([...vm.memory.bytes(first, 2)]).toEqual([0x33, 0x44]);
    expect(Number(vcpu.getRegs().rbx) & 0xffffff).toBe(0x443322);
    expect(Buffer.compare(vm.memory.bytes(first - 0x1000, 0x1000), before)).toBe(0);
  }
});

test('two blocks that fall on one place of the hash stay decoded side by side', () => {
  // Their windows of 16 KiB have the numbers 1 and 2, which the hash turns into 3 bytes of distance.
  const { vm, vcpu } = compiled(
    `
    mov ecx, 1000
    jmp 0x4000
    times 0x4000 - 0x1000 - ($ - $$) db 0x90
    jmp 0x8003
    times 0x8003 - 0x1000 - ($ - $$) db 0x90
    dec ecx
    jnz 0x4000
    mov eax, 7
    hlt
  `,
    1,
    'off',
  );
  expect(run(vcpu)).toBe(7);
  expect(vm.memory.u64(vcpu.page + V_STAT_BLOCKS)).toBeLessThan(20n);
});

/** A vCPU in 64-bit mode at CPL 0 under an identity map, SYSCALL and SYSRET set up for `entry`. */
function longVcpu(vm: Vm, entry: bigint): Vcpu {
  const vcpu = flatVcpu(vm);
  const { cs } = vcpu.getSregs();
  vm.write(0x20000, new Uint8Array(new BigUint64Array([0x21007n]).buffer));
  vm.write(0x21000, new Uint8Array(new BigUint64Array([0x22007n]).buffer));
  vm.write(0x22000, new Uint8Array(new BigUint64Array([0x87n]).buffer));
  const paging = { cr0: 0x80000011n, cr3: 0x20000n, cr4: 0x20n, efer: 0x501n };
  vcpu.setSregs({ ...paging, cs: { ...cs, l: 1, db: 0 } });
  vcpu.setMsrs([
    { index: 0xc0000081, data: 0x0010000800000000n },
    { index: 0xc0000082, data: entry },
    { index: 0xc0000084, data: 0x200n },
  ]);
  return vcpu;
}

test.each([0, 'off'] as const)(
  'an interrupt window that SYSRET opens comes before what follows, JIT %s',
  (jit) => {
    const vm = vmWithRam();
    if (jit !== 'off') vm.compileAfter(jit);
    const labels = load(vm, 'bits 64\no64 sysret\nthere: inc rax\ninc rax\nsyscall\nentry: inc rax\nhlt');
    const vcpu = longVcpu(vm, labels.get('entry') as bigint);
    const there = labels.get('there') as bigint;
    vcpu.setRegs({ rcx: there, r11: 0x202 });
    const page = vcpu.page - VCPU_PAGE;
    vm.memory.setU8(page + RUN_REQUEST_INTERRUPT_WINDOW, 1);
    expect(vcpu.enter(1000)).toBe(RUN_EXIT);
    expect(vm.memory.u32(page + RUN_EXIT_REASON)).toBe(KVM_EXIT_IRQ_WINDOW_OPEN);
    expect(vcpu.getRegs()).toMatchObject({ rax: 0n, rip: there });
    vm.memory.setU8(page + RUN_REQUEST_INTERRUPT_WINDOW, 0);
    // To the HLT behind SYSCALL, whose mask has closed it again.
    expect(run(vcpu)).toBe(3);
    expect(vcpu.getRegs().rflags & 0x200n).toBe(0n);
  },
);
