// A VMM process by Linux's calls: file descriptors, their lives, memory, and a guest run by numbers and bytes.

import { describe, expect, test } from 'vitest';
import { VCPU_BASE, VM_PAGE } from '../../../../assembly/abi/map.ts';
import { decode, ERRNO, KVM, KVM_EXIT, kvm_regs, kvm_run } from '../../../../web/kvm/index.ts';
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  OPEN_FILES_MAX,
} from '../../../../web/kvm/process/index.ts';
import { allocate, bytesOf, load, newProcess, openAll, place, RAM } from './support.ts';

/** mov al, 'A'; out 0x42, al; hlt */
const CODE = [0xb0, 0x41, 0xe6, 0x42, 0xf4];

describe('a file descriptor', () => {
  test('is the lowest free number from 3 on', () => {
    const process = newProcess();
    const opened = [process.open('/dev/kvm'), process.open('/dev/kvm'), process.open('/dev/kvm')];
    process.close(4);
    expect([...opened, process.open('/dev/kvm')]).toEqual([3, 4, 5, 4]);
  });

  test('that is not open is EBADF, also to close it twice', () => {
    const process = newProcess();
    const fd = process.open('/dev/kvm');
    expect([
      process.close(fd),
      process.close(fd),
      process.ioctl(fd, KVM.KVM_RUN),
      process.ioctl(-1, 0),
    ]).toEqual([0, -9, -9, -9]);
  });

  test('has an end: EMFILE', () => {
    const process = newProcess();
    for (let fd = 3; fd < OPEN_FILES_MAX; fd++) process.open('/dev/kvm');
    expect(process.open('/dev/kvm')).toBe(-ERRNO.EMFILE);
  });

  test('stands for /dev/kvm and no other file', () => {
    const process = newProcess();
    expect(process.open('/dev/null')).toBe(-ERRNO.ENOENT);
    expect(process.lastError?.message).toBe('ENOENT: there is no /dev/null here; open /dev/kvm.');
  });
});

describe('a VM', () => {
  test('lives until its last vCPU fd is closed, and its place is used again', () => {
    const { process, sys, vm, vcpu } = openAll();
    load(process, vm, vcpu, CODE);
    process.close(vm);
    expect(process.ioctl(vcpu, KVM.KVM_RUN)).toBe(0);
    process.close(vcpu);
    const size = process.memory.buffer.byteLength;
    const again = process.ioctl(sys, KVM.KVM_CREATE_VM);
    expect(process.ioctl(again, KVM.KVM_CREATE_VCPU, 0)).toBeGreaterThan(0);
    expect(process.memory.buffer.byteLength).toBe(size);
  });

  test('lives while its vCPU is mapped', () => {
    const { process, vm, vcpu } = openAll();
    const run = process.mmap(12288, MAP_SHARED, vcpu);
    process.close(vcpu);
    process.close(vm);
    expect(process.ioctl(openAll(process).vcpu, KVM.KVM_GET_REGS, run)).toBe(0);
    expect(bytesOf(process, VM_PAGE + 0x6c, 1)[0]).toBe(1);
    process.munmap(run, 12288);
    expect(bytesOf(process, VM_PAGE + 0x6c, 1)[0]).toBe(0);
  });

  test('shares its address space with others, and each has its own guest', () => {
    const one = openAll();
    const two = openAll(one.process);
    load(one.process, one.vm, one.vcpu, CODE);
    load(two.process, two.vm, two.vcpu, [0xb0, 0x42, 0xf4]);
    const al = [one, two].map(({ process, vcpu }) => {
      process.ioctl(vcpu, KVM.KVM_RUN);
      const regs = new Uint8Array(kvm_regs.size);
      process.ioctl(vcpu, KVM.KVM_GET_REGS, regs);
      return regs[0];
    });
    expect(al).toEqual([0x41, 0x42]);
  });

  test('goes with the process', () => {
    const { process, vcpu } = openAll();
    process.mmap(4096, MAP_SHARED, vcpu);
    process.exit();
    expect(bytesOf(process, VM_PAGE + 0x6c, 1)[0]).toBe(0);
    expect(process.ioctl(vcpu, KVM.KVM_RUN)).toBe(-ERRNO.EBADF);
  });
});

test('a guest runs by encoded requests and struct bytes alone', () => {
  const { process, vm, vcpu } = openAll();
  load(process, vm, vcpu, CODE);
  const run = process.mmap(12288, MAP_SHARED, vcpu);
  const exits: unknown[] = [];
  for (let reason: number = KVM_EXIT.IO; reason === KVM_EXIT.IO; ) {
    expect(process.ioctl(vcpu, 0xae80)).toBe(0);
    const { exit_reason, io } = decode(kvm_run, bytesOf(process, run, kvm_run.size));
    reason = exit_reason;
    if (reason === KVM_EXIT.IO) exits.push([io.port, bytesOf(process, run + Number(io.data_offset), 1)[0]]);
    else exits.push(reason);
  }
  expect(exits).toEqual([[0x42, 0x41], KVM_EXIT.HLT]);
});

test('code that the process has changed by a store of its own runs as it is now', () => {
  const { process, vm, vcpu } = openAll();
  // back: mov al, 1; hlt; jmp back
  const ram = load(process, vm, vcpu, [0xb0, 1, 0xf4, 0xeb, 0xfb]);
  const seen = [2, 3].map((value) => {
    process.ioctl(vcpu, KVM.KVM_RUN);
    bytesOf(process, ram + 0x1001, 1)[0] = value;
    process.ioctl(vcpu, KVM.KVM_RUN);
    const regs = new Uint8Array(kvm_regs.size);
    process.ioctl(vcpu, KVM.KVM_GET_REGS, regs);
    return regs[0];
  });
  expect(seen).toEqual([2, 3]);
});

test('immediate_exit of the mapped page makes KVM_RUN EINTR', () => {
  const { process, vm, vcpu } = openAll();
  load(process, vm, vcpu, CODE);
  bytesOf(process, process.mmap(4096, MAP_SHARED, vcpu), 2)[1] = 1;
  expect(process.ioctl(vcpu, KVM.KVM_RUN)).toBe(-ERRNO.EINTR);
});

describe('a pointer', () => {
  const { process, vcpu } = openAll();
  test.each([
    ['0', 0],
    ['the guard page', 0x8000],
    ['the VM page', VM_PAGE],
    ['a vCPU page', VCPU_BASE],
    ['the end of the memory', process.memory.buffer.byteLength - 8],
    ['nowhere', 0xfffff000],
    ['bytes that are too few', new Uint8Array(143)],
  ])('to %s is EFAULT', (_, pointer) => {
    expect(process.ioctl(vcpu, KVM.KVM_GET_REGS, pointer)).toBe(-ERRNO.EFAULT);
  });

  test('into a mapped kvm_run is good while the mapping stands', () => {
    const run = process.mmap(4096, MAP_SHARED, vcpu);
    const before = process.ioctl(vcpu, KVM.KVM_GET_REGS, run + 304);
    process.munmap(run, 4096);
    expect([run, before, process.ioctl(vcpu, KVM.KVM_GET_REGS, run + 304)]).toEqual([
      VCPU_BASE,
      0,
      -ERRNO.EFAULT,
    ]);
  });

  test('is 32 bits wide: what lies above is not looked at', () => {
    const at = place(process, kvm_regs, { rip: 5, rflags: 2 });
    expect(process.ioctl(vcpu, KVM.KVM_SET_REGS, BigInt(at) | (0xdeadn << 32n))).toBe(0);
  });
});

describe('mmap', () => {
  test('gives zeroed pages, and takes up again what munmap has given back', () => {
    const process = newProcess();
    const at = allocate(process, 3 * 4096);
    bytesOf(process, at, 4096).fill(7);
    process.munmap(at, 4096);
    expect([allocate(process, 100), bytesOf(process, at, 4096).every((byte) => byte === 0)]).toEqual([
      at,
      true,
    ]);
  });

  test('gives nobody the pages of a slot', () => {
    const { process, vm, vcpu } = openAll();
    const ram = load(process, vm, vcpu, CODE);
    process.munmap(ram, RAM);
    expect(allocate(process, RAM)).not.toBe(ram);
  });

  const { process, vm, vcpu } = openAll();
  test.each([
    ['no length', 0, MAP_SHARED | MAP_ANONYMOUS, -1, 0, ERRNO.EINVAL],
    ['neither shared nor private', 4096, MAP_ANONYMOUS, -1, 0, ERRNO.EINVAL],
    ['an address of its own', 4096, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0, ERRNO.EINVAL],
    ['more than there is', 2 ** 31, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, ERRNO.ENOMEM],
    ['a closed fd', 4096, MAP_SHARED, 99, 0, ERRNO.EBADF],
    ['a VM', 4096, MAP_SHARED, vm, 0, ERRNO.ENODEV],
    ['more of a vCPU than it has', 16384, MAP_SHARED, vcpu, 0, ERRNO.EINVAL],
    ['half a page of a vCPU', 4096, MAP_SHARED, vcpu, 100, ERRNO.EINVAL],
  ])('of %s is refused', (_, length, flags, fd, offset, errno) => {
    expect(process.mmap(length, flags, fd, offset)).toBe(-errno);
  });

  test('shows the page of port data behind kvm_run', () => {
    expect(process.mmap(4096, MAP_SHARED, vcpu, 4096)).toBe(VCPU_BASE + 4096);
  });

  test('munmap wants whole pages', () => {
    expect([process.munmap(100, 4096), process.munmap(allocate(process), 0)]).toEqual([-22, -22]);
  });
});
