// What the tests of the ioctl door share: a process, structs in its memory, and a guest run by nothing but numbers.

import {
  encode,
  type Input,
  KVM,
  kvm_regs,
  kvm_sregs,
  kvm_userspace_memory_region,
  type Struct,
} from '../../../../web/kvm/index.ts';
import { MAP_ANONYMOUS, MAP_SHARED, VmmProcess } from '../../../../web/kvm/process/index.ts';
import { kvm } from '../support.ts';

export const RAM = 0x10000;

export function newProcess(): VmmProcess {
  return new VmmProcess(kvm, { maxVcpus: 2, memoryLimit: 2 ** 28 });
}

/** Anonymous memory of the process. */
export function allocate(process: VmmProcess, length = 4096): number {
  return process.mmap(length, MAP_SHARED | MAP_ANONYMOUS);
}

/** The process's memory as bytes. */
export function bytesOf(process: VmmProcess, from: number, length: number): Uint8Array {
  return new Uint8Array(process.memory.buffer, from, length);
}

/** A struct in the process's memory; its address. */
export function place<T>(process: VmmProcess, struct: Struct<T>, value: Input<T>): number {
  const data = encode(struct, value);
  const at = allocate(process, data.length);
  bytesOf(process, at, data.length).set(data);
  return at;
}

/** /dev/kvm, a VM and its vCPU 0. */
export function openAll(process = newProcess()): {
  process: VmmProcess;
  sys: number;
  vm: number;
  vcpu: number;
} {
  const sys = process.open('/dev/kvm');
  const vm = process.ioctl(sys, KVM.KVM_CREATE_VM);
  return { process, sys, vm, vcpu: process.ioctl(vm, KVM.KVM_CREATE_VCPU, 0) };
}

/** Gives the VM 64 KiB of RAM with `code` at 0x1000, where its vCPU stands in real mode; the address of the RAM. */
export function load(process: VmmProcess, vm: number, vcpu: number, code: number[], flags = 0): number {
  const ram = allocate(process, RAM);
  bytesOf(process, ram + 0x1000, code.length).set(code);
  const region = { flags, memory_size: RAM, userspace_addr: ram };
  process.ioctl(vm, KVM.KVM_SET_USER_MEMORY_REGION, encode(kvm_userspace_memory_region, region));
  const sregs = new Uint8Array(kvm_sregs.size);
  process.ioctl(vcpu, KVM.KVM_GET_SREGS, sregs);
  sregs.fill(0, 0, 8);
  sregs.fill(0, 12, 14);
  process.ioctl(vcpu, KVM.KVM_SET_SREGS, sregs);
  process.ioctl(vcpu, KVM.KVM_SET_REGS, encode(kvm_regs, { rip: 0x1000, rflags: 2 }));
  return ram;
}
