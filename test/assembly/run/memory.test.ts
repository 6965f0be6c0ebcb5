// Guest stores that the run loop must notice: into code, into logged and into read-only slots.
import { describe, expect, test } from 'vitest';
import { CODE_QUEUE_GIVEN_UP, VCPU_CODE_QUEUE, VCPU_PAGE } from '../../../assembly/abi/map.ts';
import {
  REQ_CODE,
  RUN_BUDGET,
  V_BLOCK_EPOCH,
  V_CODE_TAIL,
  V_REQUESTS,
} from '../../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT, KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY } from '../../../web/kvm/index.ts';
import { CODE, flatVcpu, guest, load, longVcpu, pagesOf, vmWithRam } from './machine.ts';

describe('code that changes', () => {
  test('behind the store, in its own block, is run as it now stands', () => {
    const { vcpu } = guest(`mov byte [later + 1], 7\n nop\nlater: mov al, 1\n hlt`);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rax).toBe(7n);
  });

  test('as the very next instruction is run as it now stands', () => {
    const { vcpu } = guest(`mov byte [next], 0x43\nnext: inc edx\n hlt`);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs()).toMatchObject({ rbx: 1n, rdx: 0n });
  });

  test('in a loop that patches itself on every turn counts every patch', () => {
    const { vcpu } = guest(
      `mov ecx, 50\nagain: inc byte [add_it + 2]\nadd_it: add ebx, byte 0\n loop again\n hlt`,
    );
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rbx).toBe(1275n);
  });

  test('under a string instruction that writes over what follows it', () => {
    const { vm, vcpu } = guest(`rep movsb\ntarget: inc edx\n inc edx\n hlt`, { rcx: 2, rsi: 0x3000 });
    vm.write(0x3000, Uint8Array.of(0x43, 0x43));
    vcpu.setRegs({ rdi: CODE + 2 });
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs()).toMatchObject({ rbx: 2n, rdx: 0n });
  });

  test('across the edge of its page, in the second page', () => {
    const vm = vmWithRam();
    load(vm, `mov byte [0x2001], 9\n jmp 0x1ffe`);
    load(vm, `mov ebx, 0x01010101\n hlt`, 0x1ffe);
    const vcpu = flatVcpu(vm);
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rbx).toBe(0x01090101n);
    vcpu.setRegs({ rip: CODE });
    vm.write(CODE + 6, Uint8Array.of(0x55));
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rbx).toBe(0x01550101n);
  });

  test('by the VMM is seen at the next entry', () => {
    const { vm, vcpu } = guest(`mov al, 1\n hlt`);
    vcpu.run();
    vm.write(CODE + 1, Uint8Array.of(2));
    vcpu.setRegs({ rip: CODE });
    vcpu.run();
    expect(vcpu.getRegs().rax).toBe(2n);
  });

  test('by another vCPU is seen by the one that had decoded it', () => {
    const vm = vmWithRam({ vcpus: 2 });
    load(vm, `mov al, 1\n hlt`);
    load(vm, `mov byte [${CODE + 1}], 3\n hlt`, 0x2000);
    const first = flatVcpu(vm, 0);
    const second = flatVcpu(vm, 1, 0x2000);
    first.run();
    second.run();
    first.setRegs({ rip: CODE });
    first.run();
    expect(first.getRegs().rax).toBe(3n);
  });
});

describe('the dirty log', () => {
  test('has the pages that the guest wrote since it was taken, and no others', () => {
    const vm = vmWithRam({ flags: KVM_MEM_LOG_DIRTY_PAGES });
    load(vm, `mov [0x5000], eax\n mov eax, [0x6000]\n mov [0x7ffe], eax\n hlt`);
    const vcpu = flatVcpu(vm);
    vm.getDirtyLog(0);
    vcpu.run();
    expect(pagesOf(vm.getDirtyLog(0))).toEqual([5, 7, 8]);
    expect(pagesOf(vm.getDirtyLog(0))).toEqual([]);
    vcpu.setRegs({ rip: CODE });
    vcpu.run();
    expect(pagesOf(vm.getDirtyLog(0))).toEqual([5, 7, 8]);
  });

  test('has pages written by PUSH, by strings and by locked instructions', () => {
    const vm = vmWithRam({ flags: KVM_MEM_LOG_DIRTY_PAGES });
    load(vm, `push eax\n mov edi, 0x9ffe\n stosd\n lock inc dword [0xb000]\n hlt`);
    const vcpu = flatVcpu(vm);
    vm.getDirtyLog(0);
    vcpu.run();
    expect(pagesOf(vm.getDirtyLog(0))).toEqual([7, 9, 10, 11]);
  });

  test('when more pages were written since the last look than the list of such entries has room for', () => {
    const vm = vmWithRam({ flags: KVM_MEM_LOG_DIRTY_PAGES });
    const vcpu = flatVcpu(vm);
    // Each round writes the pages 0x10 to 0xfb; all but the last forget their translations.
    load(
      vm,
      `mov ecx, 6
       fill: mov edi, 0x10000
       next: mov [edi], ecx
       add edi, 0x1000
       cmp edi, 0xfc000
       jne next
       dec ecx
       jz full
       mov eax, cr3
       mov cr3, eax
       jmp fill
       full: hlt
       mov [0x10000], eax
       mov [0xfb000], eax
       hlt`,
    );
    vcpu.run();
    vm.getDirtyLog(0);
    vcpu.run();
    expect(pagesOf(vm.getDirtyLog(0))).toEqual([0x10, 0xfb]);
  });
});

describe('the dirty log of a guest with PCIDs', () => {
  test.each([3, 600])('has pages that another PCID has written before it was taken, of %d', (pages) => {
    const vm = vmWithRam({ flags: KVM_MEM_LOG_DIRTY_PAGES });
    const vcpu = longVcpu(vm, 0x20020n);
    // Writes so many pages, in 2 MiB each time 0x10 to 0x7f. Bit 63 of CR3: the PCID's translations stay.
    const fill = (name: string): string => `
        mov ecx, ${pages}
        mov edi, 0x10000
      ${name}: mov [rdi], ecx
        add edi, 0x1000
        mov eax, edi
        and eax, 0x1fffff
        cmp eax, 0x80000
        jne ${name}_in
        add edi, 0x200000 - 0x70000
      ${name}_in: dec ecx
        jnz ${name}`;
    load(
      vm,
      `mov rbx, 0x8000000000090000
       ${fill('zero')}
       lea rax, [rbx + 1]
       mov cr3, rax
       ${fill('one')}
       hlt
       mov cr3, rbx
       mov [0x10000], eax
       mov [0x12000], eax
       lea rax, [rbx + 1]
       mov cr3, rax
       mov [0x11000], eax
       hlt`,
      CODE,
      64,
    );
    vcpu.run();
    vm.getDirtyLog(0);
    vcpu.run();
    // Page 0x90 and on are the page tables.
    expect(pagesOf(vm.getDirtyLog(0)).filter((page) => page < 0x90)).toEqual([0x10, 0x11, 0x12]);
  });
});

describe('a read-only slot', () => {
  test('is read and run like RAM; a write is an MMIO exit that changes nothing', () => {
    const vm = vmWithRam();
    const rom = vm.allocate(0x1000);
    vm.memory.bytes(rom, 0x1000).fill(0x90);
    vm.setUserMemoryRegion({
      slot: 1,
      flags: KVM_MEM_READONLY,
      guest_phys_addr: 0xf0000000,
      memory_size: 0x1000,
      userspace_addr: rom,
    });
    // Its last instruction is JMP 0x2000.
    vm.memory.bytes(rom + 0xffb, 5).set([0xe9, 0, 0x10, 0, 0x10]);
    load(vm, `mov eax, [0xf0000010]\n mov byte [0xf0000020], 5\n mov bl, [0xf0000020]\n hlt`);
    const vcpu = flatVcpu(vm);
    expect(vcpu.run()).toBe(KVM_EXIT.MMIO);
    const { write, gpa, data } = vcpu.kvmRun.mmio;
    expect([write, gpa, ...data]).toEqual([true, 0xf0000020n, 5]);
    vcpu.run();
    expect(vcpu.getRegs()).toMatchObject({ rax: 0x90909090n, rbx: 0x90n });
    load(vm, 'hlt', 0x2000);
    vcpu.setRegs({ rip: 0xf0000ff0 });
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect(vcpu.getRegs().rip).toBe(0x2001n);
  });
});

test('a thread that dies between taking a place of the code queue and filling it holds no vCPU up', () => {
  const { vm, vcpu } = guest('again: inc eax\njmp again');
  vcpu.enter(100);
  const { memory } = vm;
  const flushes = memory.u32(vcpu.page + V_BLOCK_EPOCH);
  memory.add(vcpu.page + V_CODE_TAIL, 1);
  memory.or(vcpu.page + V_REQUESTS, REQ_CODE);
  expect(vcpu.enter(100)).toBe(RUN_BUDGET);
  // What it has written is unknown.
  expect(memory.u32(vcpu.page + V_BLOCK_EPOCH)).toBe(flushes + 1);
});

test.each([
  ['the host', 'host'],
  ['a vCPU', 'store'],
])(
  'a page that %s brings to its place in the code queue too late makes a vCPU forget all it has decoded',
  (_, who) => {
    const { vm, vcpu, labels } = guest(`again: mov eax, 1\nhlt\nstore: mov byte [again + 1], 2\nhlt`);
    const { memory } = vm;
    vcpu.enter(100);
    const before = memory.u32(vcpu.page + V_BLOCK_EPOCH);
    memory.store(vcpu.page - VCPU_PAGE + VCPU_CODE_QUEUE, CODE_QUEUE_GIVEN_UP);
    if (who === 'host') vm.write(CODE + 1, new Uint8Array([2]));
    for (const rip of [labels.get(who === 'host' ? 'again' : 'store'), labels.get('again')]) {
      vcpu.setRegs({ rip: rip as bigint });
      vcpu.enter(100);
    }
    expect([vcpu.getRegs().rax, memory.u32(vcpu.page + V_BLOCK_EPOCH)]).toEqual([2n, before + 1]);
  },
);
