// A VMM process: Linux's open, ioctl, mmap, eventfd and close over the typed API, in one address space. It runs no program.

import { PAGE_SIZE, VCPU_DIRTY_RING, VCPU_RUN } from '../../../assembly/abi/map.ts';
import { ERRNO, isKvmError, KvmError, kvm_dirty_gfn } from '../abi/index.ts';
import { dirtyRingEntries, KVM_DIRTY_LOG_PAGE_OFFSET } from '../dirty_ring.ts';
import type { Kvm } from '../kvm.ts';
import { roundUp } from '../memory.ts';
import { emptySize, heapAllocate, layMemory, vcpuArea } from '../vm_page.ts';
import { AddressSpace } from './address_space.ts';
import { Argument, type IoctlValue } from './argument.ts';
import { createEventFile, pollEvents, readFile, readStats, writeEvents } from './events.ts';
import { FdTable, type OpenFile } from './fd_table.ts';
import { SystemFile, VcpuFile, VmFile } from './files.ts';
import { type Call, Dispatcher } from './request.ts';
import { SYSTEM_REQUESTS } from './system_requests.ts';
import { VCPU_REQUESTS } from './vcpu_requests.ts';
import { VM_COMPAT, VM_REQUESTS } from './vm_requests.ts';

/** PROT_* and MAP_* of <sys/mman.h> on x86, as far as mmap looks at them. */
export const MAP_SHARED = 0x01;
export const MAP_PRIVATE = 0x02;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;

const DEFAULT_VCPUS = 4;
const DEFAULT_LIMIT = 2 ** 31;

/** How large a process may become. */
export interface ProcessOptions {
  /** vCPUs that each of its VMs may have, 1 to 32; 4 unless given. KVM_CAP_MAX_VCPUS says this number. */
  readonly maxVcpus?: number;
  /** Bytes its address space may grow to. */
  readonly memoryLimit?: number;
  /** The first byte behind the data of a program in this address space, if there is one. */
  readonly programEnd?: number;
}

interface Mapping {
  readonly from: number;
  readonly length: number;
  readonly file: OpenFile;
}

// What an unknown request answers is KVM's: EINVAL from /dev/kvm and vCPUs, ENOTTY from VMs.
const SYSTEM = new Dispatcher(SYSTEM_REQUESTS, 'EINVAL');
const VM = new Dispatcher(VM_REQUESTS, 'ENOTTY', VM_COMPAT);
const VCPU = new Dispatcher(VCPU_REQUESTS, 'EINVAL');

/**
 * A process that drives KVM by Linux's calls. Every method returns what the system call would: a number from 0 up, or a
 * negative errno; `lastError` then has the sentence. Pointers are offsets in `memory`. One thread uses it.
 */
export class VmmProcess {
  /** The address space. */
  readonly memory: WebAssembly.Memory;
  /** Why the last call that failed was refused. */
  lastError: KvmError | undefined;
  readonly #kvm: Kvm;
  readonly #maxVcpus: number;
  readonly #space: AddressSpace;
  readonly #fds = new FdTable();
  readonly #vms = new Set<VmFile>();
  #mappings: Mapping[] = [];

  /** A process with nothing but its memory. EINVAL for an impossible number of vCPUs, ENOMEM when the host refuses. */
  constructor(kvm: Kvm, options: ProcessOptions = {}) {
    const { maxVcpus = DEFAULT_VCPUS, memoryLimit = DEFAULT_LIMIT, programEnd = 0 } = options;
    const memory = layMemory(maxVcpus, memoryLimit, programEnd);
    this.#kvm = kvm;
    this.#maxVcpus = maxVcpus;
    this.memory = memory.wasm;
    this.#space = new AddressSpace(memory, (bytes) => heapAllocate(memory, bytes, PAGE_SIZE));
    // The place of the first VM is KVM's from the start.
    this.#space.hide(0, emptySize(maxVcpus));
  }

  /** open(2): '/dev/kvm' is the one file there is. `given` is a path or a pointer at one. ENOENT, EMFILE, EFAULT. */
  open(given: string | number): number {
    return this.#answer(() => {
      const path = typeof given === 'string' ? given : this.#space.text(given);
      if (path !== '/dev/kvm') throw new KvmError('ENOENT', `there is no ${path} here; open /dev/kvm.`);
      return this.#fds.open(new SystemFile(this.#kvm, this.#maxVcpus, () => this.#createVm()));
    });
  }

  /** close(2). EBADF. */
  close(fd: number): number {
    return this.#answer(() => {
      this.#fds.close(fd);
      return 0;
    });
  }

  /**
   * ioctl(2) with Linux's encoded request. `value` is a number, a pointer into `memory`, or bytes that stand for a
   * pointer. KVM_RUN blocks this thread.
   */
  ioctl(fd: number, request: number, value: IoctlValue = 0): number {
    return this.#answer(() => {
      const file = this.#fds.get(fd);
      const call = {
        argument: new Argument(this.#space, value),
        space: this.#space,
        open: (made: OpenFile) => this.#fds.open(made),
        get: (other: number) => this.#fds.get(other),
      };
      return dispatch(file, request, call);
    });
  }

  /** dup(2): another fd for the same file. EBADF, EMFILE. */
  dup(fd: number): number {
    return this.#answer(() => this.#fds.open(this.#fds.get(fd)));
  }

  /** eventfd(2) with EFD_* flags. EINVAL, EMFILE. */
  eventfd(initial: number, flags: number): number {
    return this.#answer(() => this.#fds.open(createEventFile(initial, flags)));
  }

  /** read(2) of counters, or of an eventfd: that blocks this thread unless EFD_NONBLOCK. EBADF, EINVAL, EAGAIN, EFAULT. */
  read(fd: number, pointer: number, length: number): number {
    return this.#answer(() => readFile(this.#fds.get(fd), this.#space, pointer, length));
  }

  /** pread(2) of counters (KVM_GET_STATS_FD). EBADF, ESPIPE, EFAULT. */
  pread(fd: number, pointer: number, length: number, position: number): number {
    return this.#answer(() => readStats(this.#fds.get(fd), this.#space, pointer, length, position));
  }

  /** write(2) of an eventfd. EBADF, EINVAL, EAGAIN, EFAULT. */
  write(fd: number, pointer: number, length: number): number {
    return this.#answer(() => writeEvents(this.#fds.get(fd), this.#space, pointer, length));
  }

  /** poll(2) over structs pollfd with Linux's events; blocks this thread. EFAULT. */
  poll(pointer: number, count: number, milliseconds: number): number {
    return this.#answer(() =>
      pollEvents(this.#space, pointer, count, milliseconds, (fd) => this.#fds.find(fd)),
    );
  }

  /**
   * mmap(2): anonymous memory (MAP_ANONYMOUS, fd -1), zeroed; or of a vCPU fd its kvm_run at offset 0 with the pages
   * behind it, or its dirty ring at page 64. The address is the kernel's choice: EINVAL for MAP_FIXED, for a length of
   * 0, an offset that is no page's, and more of a vCPU than it has; ENODEV for other files.
   */
  mmap(length: number, flags: number, fd = -1, offset = 0): number {
    return this.#answer(() => {
      const kind = flags & (MAP_SHARED | MAP_PRIVATE);
      if (!(length > 0) || kind === 0 || flags & MAP_FIXED) {
        throw new KvmError('EINVAL', 'mmap takes a length, MAP_SHARED or MAP_PRIVATE, and no MAP_FIXED.');
      }
      if (flags & MAP_ANONYMOUS) return this.#space.map(length);
      const file = this.#fds.get(fd);
      if (!(file instanceof VcpuFile))
        throw new KvmError('ENODEV', `fd ${fd} shows nothing by mmap; vCPUs do.`);
      return this.#mapVcpu(file, roundUp(length, PAGE_SIZE), offset);
    });
  }

  /** munmap(2) of whole pages. EINVAL for an address that is no page's or a length of 0. */
  munmap(address: number, length: number): number {
    return this.#answer(() => {
      if (address % PAGE_SIZE !== 0 || !(length > 0)) {
        throw new KvmError('EINVAL', 'munmap takes the address of a page and a length.');
      }
      const to = address + roundUp(length, PAGE_SIZE);
      // A vCPU's pages have one address however often they are mapped: each munmap ends one mapping of them.
      const inside = this.#mappings.filter((each) => address <= each.from && each.from + each.length <= to);
      const gone = [...new Map(inside.map((each) => [`${each.from} ${each.length}`, each])).values()];
      this.#mappings = this.#mappings.filter((each) => !gone.includes(each));
      for (const { from, length: shown, file } of gone) {
        this.#space.conceal(from, shown);
        file.release();
      }
      this.#space.unmap(address, length, (from, end) => this.#isGuestMemory(from, end));
      return 0;
    });
  }

  /** The end of the process: every fd and mapping goes, and with them its VMs. */
  exit(): void {
    this.#fds.closeAll();
    for (const { from, length } of this.#mappings) this.munmap(from, length);
  }

  #answer(act: () => number): number {
    try {
      return act();
    } catch (error) {
      if (!isKvmError(error)) throw error;
      this.lastError = error;
      return -ERRNO[error.code];
    }
  }

  #createVm(): VmFile {
    const vm = this.#kvm.createVm({ memory: this.memory, maxVcpus: this.#maxVcpus });
    const { base } = vm.memory;
    if (base !== 0) this.#space.hide(base, emptySize(this.#maxVcpus));
    const file = new VmFile(this.#kvm, vm, () => {
      this.#vms.delete(file);
      vm.destroy();
    });
    this.#vms.add(file);
    return file;
  }

  #mapVcpu(file: VcpuFile, length: number, offset: number): number {
    const ring = KVM_DIRTY_LOG_PAGE_OFFSET * PAGE_SIZE;
    const isRing = offset >= ring;
    const area = vcpuArea(file.vm.vm.memory, file.vcpu.id) + (isRing ? VCPU_DIRTY_RING : VCPU_RUN);
    const start = isRing ? offset - ring : offset;
    const size = isRing
      ? dirtyRingEntries(file.vm.vm.memory) * kvm_dirty_gfn.size
      : this.#kvm.getVcpuMmapSize();
    if (offset % PAGE_SIZE !== 0 || start + length > size) {
      throw new KvmError(
        'EINVAL',
        `a vCPU shows ${size} bytes here; offset ${offset} with ${length} bytes lies beyond them.`,
      );
    }
    this.#mappings.push({ from: area + start, length, file: file.hold() });
    this.#space.show(area + start, length);
    return area + start;
  }

  /** True when a slot of one of this process's VMs lies on part of the range. */
  #isGuestMemory(from: number, to: number): boolean {
    return [...this.#vms].some(({ vm }) =>
      [...vm.slots(), ...vm.slots(1)].some(({ hva, size }) => hva < to && from < hva + size),
    );
  }
}

function dispatch(file: OpenFile, request: number, rest: Omit<Call<OpenFile>, 'file'>): number {
  if (file instanceof SystemFile) return SYSTEM.dispatch(request, { ...rest, file });
  if (file instanceof VmFile) return VM.dispatch(request, { ...rest, file });
  if (file instanceof VcpuFile) return VCPU.dispatch(request, { ...rest, file });
  throw new KvmError('ENOTTY', 'this kind of file has no ioctls.');
}
