// The open files of a VMM process by kind: the system, a VM, a vCPU, counters, an eventfd. What an ioctl of each does stands in
// *_requests.ts.

import type { Eventfd } from '../eventfd.ts';
import type { Kvm } from '../kvm.ts';
import type { Vcpu } from '../vcpu.ts';
import type { Vm } from '../vm.ts';
import { OpenFile } from './fd_table.ts';

/** /dev/kvm. */
export class SystemFile extends OpenFile {
  readonly kvm: Kvm;
  /** Makes a VM in the memory of this process. ENOMEM. */
  readonly createVm: () => VmFile;
  /** vCPUs that each VM may have. */
  readonly maxVcpus: number;

  constructor(kvm: Kvm, maxVcpus: number, createVm: () => VmFile) {
    super();
    this.kvm = kvm;
    this.maxVcpus = maxVcpus;
    this.createVm = createVm;
  }
}

/** What KVM_CREATE_VM opens. The VM lives as long as this file: until its fds and those of its vCPUs are gone. */
export class VmFile extends OpenFile {
  readonly kvm: Kvm;
  readonly vm: Vm;
  readonly #destroy: () => void;

  constructor(kvm: Kvm, vm: Vm, destroy: () => void) {
    super();
    this.kvm = kvm;
    this.vm = vm;
    this.#destroy = destroy;
  }

  protected override closed(): void {
    this.#destroy();
  }
}

/** What KVM_CREATE_VCPU opens. The vCPU itself lives as long as its VM. */
export class VcpuFile extends OpenFile {
  readonly vm: VmFile;
  readonly vcpu: Vcpu;

  constructor(vm: VmFile, vcpu: Vcpu) {
    super();
    this.vm = vm.hold();
    this.vcpu = vcpu;
  }

  protected override closed(): void {
    this.vm.release();
  }
}

/** What KVM_GET_STATS_FD opens: the counters of a VM or vCPU, which it holds. */
export class StatsFile extends OpenFile {
  /** The file as it reads now. */
  readonly bytes: () => Uint8Array;
  /** Where the next read(2) goes on. */
  position = 0;
  readonly #of: OpenFile;

  constructor(of: OpenFile, bytes: () => Uint8Array) {
    super();
    this.#of = of.hold();
    this.bytes = bytes;
  }

  protected override closed(): void {
    this.#of.release();
  }
}

/** What eventfd(2) opens. */
export class EventFile extends OpenFile {
  readonly eventfd: Eventfd;
  /** EFD_NONBLOCK: a read of 0, or a write beyond the end, is EAGAIN. */
  readonly isNonblocking: boolean;
  #home: VmFile | undefined;

  constructor(eventfd: Eventfd, isNonblocking: boolean) {
    super();
    this.eventfd = eventfd;
    this.isNonblocking = isNonblocking;
  }

  /** The first VM that uses it gives it its place, and stays as long as it: on Linux an eventfd outlives its VMs. */
  livesIn(vm: VmFile): void {
    this.#home ??= vm.hold();
  }

  protected override closed(): void {
    this.eventfd.close();
    this.#home?.release();
  }
}
