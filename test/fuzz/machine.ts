// The fuzzed VM: slots between canaries, the last one at the very end of the memory, and what must not change in it.
import { readFileSync } from 'node:fs';
import { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY } from '../../assembly/abi/kvm_run.ts';
import {
  CODE_LINES,
  ENGINE_DETERMINISTIC,
  PAGE_FLAGS,
  VCPU_BASE,
  VCPU_STRIDE,
  VM_ENGINE,
  VM_EXCLUSIVE_OWNER,
  VM_PAGE,
  VM_SEED,
} from '../../assembly/abi/map.ts';
import { Kvm, type Vcpu, type Vm } from '../../web/kvm/index.ts';

/** A slot of guest memory. */
export interface Region {
  readonly gpa: number;
  readonly bytes: number;
  readonly flags: number;
}

export const MAIN: Region = { gpa: 0, bytes: 0x80000, flags: KVM_MEM_LOG_DIRTY_PAGES };
export const READONLY: Region = { gpa: 0x80000, bytes: 0x10000, flags: KVM_MEM_READONLY };
/** Up to 4 GiB, so that addresses wrap behind it. */
export const TOP: Region = { gpa: 0xffff0000, bytes: 0x10000, flags: 0 };
/** Above 4 GiB, and at the end of the Wasm memory: a byte too far is a trap. */
export const LAST: Region = { gpa: 0x1_0000_0000, bytes: 0x10000, flags: 0 };
const REGIONS = [MAIN, READONLY, TOP, LAST];
const GAP = 0x10000;
const CANARY = 0x5c;

let kvm: Kvm | undefined;

export class FuzzMachine {
  readonly vm: Vm;
  readonly vcpu: Vcpu;
  /** The slots' bytes, in the order of REGIONS. */
  readonly ram: readonly Uint8Array[];
  readonly main: Uint8Array;
  readonly #memory: Uint8Array;
  readonly #before: Uint8Array;
  /** Ranges of the memory that no guest may change. */
  readonly #forbidden: readonly (readonly [number, number])[];

  constructor(compileAfter?: number) {
    kvm ??= Kvm.open({ core: new WebAssembly.Module(readFileSync('build/core.wasm')) });
    // The second vCPU is never made: its whole area is a canary.
    this.vm = kvm.createVm({ maxVcpus: 2, memoryLimit: 2 ** 26 });
    this.vm.compileAfter(compileAfter);
    // Machine time stands still and RDRAND begins alike, so that a world runs the same every time.
    this.vm.memory.setU64(this.vm.memory.vm + VM_SEED, 1n);
    this.vm.memory.setU32(this.vm.memory.vm + VM_ENGINE, ENGINE_DETERMINISTIC);
    REGIONS.forEach(({ gpa, bytes, flags }, slot) => {
      this.vm.memory.bytes(this.vm.allocate(GAP), GAP).fill(CANARY);
      const userspace_addr = this.vm.allocate(bytes);
      this.vm.setUserMemoryRegion({ slot, flags, guest_phys_addr: gpa, memory_size: bytes, userspace_addr });
    });
    this.vcpu = this.vm.createVcpu(0);
    this.vcpu.setCpuid2(kvm.getSupportedCpuid());
    this.ram = REGIONS.map(({ gpa, bytes }) => this.vm.guest(gpa, bytes) as Uint8Array);
    this.main = this.ram[0] as Uint8Array;
    this.#memory = this.vm.memory.bytes(0, this.vm.memory.size);
    this.#memory.subarray(VCPU_BASE + VCPU_STRIDE, VCPU_BASE + 2 * VCPU_STRIDE).fill(CANARY);
    this.#forbidden = this.#ranges();
    this.#before = this.#memory.slice();
  }

  #ranges(): [number, number][] {
    const slots = this.vm.slots();
    const open: [number, number][] = slots.map(({ hva, size, flags }) =>
      flags & KVM_MEM_READONLY ? [0, 0] : [hva, hva + size],
    );
    for (const { bitmap, size } of slots)
      if (bitmap) open.push([bitmap, bitmap + Math.ceil(size / 0x8000 / 8) * 8 + 64]);
    open.push([VCPU_BASE, VCPU_BASE + VCPU_STRIDE]);
    // The lock of split accesses is taken and given back.
    open.push([VM_PAGE + VM_EXCLUSIVE_OWNER, VM_PAGE + VM_EXCLUSIVE_OWNER + 4]);
    // Marks of decoded code: only for pages of slots.
    for (const { hva, size } of slots) {
      open.push([PAGE_FLAGS + (hva >>> 12), PAGE_FLAGS + ((hva + size) >>> 12)]);
      open.push([CODE_LINES + (hva >>> 12) * 8, CODE_LINES + ((hva + size) >>> 12) * 8]);
    }
    open.sort((a, b) => a[0] - b[0]);
    const closed: [number, number][] = [];
    let at = 0;
    for (const [from, to] of open) {
      if (from > at) closed.push([at, from]);
      at = Math.max(at, to);
    }
    if (at < this.vm.memory.size) closed.push([at, this.vm.memory.size]);
    return closed;
  }

  /** What has changed that must not have, in words; nothing is the good answer. */
  damage(): string | undefined {
    for (const [from, to] of this.#forbidden) {
      const now = this.#memory.subarray(from, to);
      const then = this.#before.subarray(from, to);
      if (Buffer.compare(now, then) === 0) continue;
      const at = now.findIndex((byte, n) => byte !== then[n]);
      return `${nameOf(from + at)}: the byte at 0x${(from + at).toString(16)} has become 0x${now[at]?.toString(16)}`;
    }
    return undefined;
  }

  /** Puts back what `damage` has told, so that it is told once. */
  repair(): void {
    for (const [from, to] of this.#forbidden) this.#memory.set(this.#before.subarray(from, to), from);
  }

  /** Pages of the logged slot whose bytes differ from `image` but whose bit is not set. */
  unlogged(image: Uint8Array): number | undefined {
    const bitmap = this.vm.peekDirtyLog(0);
    for (let page = 0; page < MAIN.bytes / 0x1000; page++) {
      if (((bitmap[page >> 3] ?? 0) >> (page & 7)) & 1) continue;
      const at = page * 0x1000;
      if (Buffer.compare(this.main.subarray(at, at + 0x1000), image.subarray(at, at + 0x1000)) !== 0)
        return page;
    }
    return undefined;
  }
}

function nameOf(at: number): string {
  if (at < 0x400) return 'the guard page';
  if (at < VM_PAGE) return 'the read-only data of the core';
  if (at < PAGE_FLAGS) return 'the VM page, the chips or the rings';
  if (at < VCPU_BASE) return 'the code marks outside of the slots';
  if (at < VCPU_BASE + 2 * VCPU_STRIDE) return 'the area of another vCPU';
  return 'the heap outside of the slots';
}
