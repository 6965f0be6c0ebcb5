// The ioctls of a VM fd. What they do is the typed API's; here is only how their arguments travel.

import { PAGE_SIZE } from '../../../assembly/abi/map.ts';
import {
  KvmError,
  kvm_clear_dirty_log,
  kvm_clock_data,
  kvm_coalesced_mmio_zone,
  kvm_create_device,
  kvm_dirty_log,
  kvm_enable_cap,
  kvm_hyperv_eventfd,
  kvm_ioeventfd,
  kvm_irq_level,
  kvm_irq_routing,
  kvm_irqchip,
  kvm_irqfd,
  kvm_memory_alias,
  kvm_memory_region,
  kvm_msi,
  kvm_pit_config,
  kvm_pit_state,
  kvm_pit_state2,
  kvm_reinject_control,
  kvm_userspace_memory_region,
  kvm_xen_hvm_config,
  viewOf,
} from '../abi/index.ts';
import type { Eventfd } from '../eventfd.ts';
import { MAX_IRQ_ROUTES } from '../gsi_routing.ts';
import { KVM_HYPERV_EVENTFD_DEASSIGN } from '../hyperv.ts';
import { KVM_IRQFD_FLAG } from '../irqfd.ts';
import { bitmapBytes } from '../slots.ts';
import type { AddressSpace } from './address_space.ts';
import { pointerOf } from './argument.ts';
import type { OpenFile } from './fd_table.ts';
import { EventFile, StatsFile, VcpuFile, type VmFile } from './files.ts';
import { readMsrFilter, SET_MSR_FILTER_COMPAT } from './msr_requests.ts';
import { bare, changes, gives, type Handler, type Requests, refused, takes } from './request.ts';
import { checkExtension } from './system_requests.ts';

/** The eventfd behind an fd, which is in the VM's memory from now on. EINVAL when it is something else. */
function eventfdOf(vm: VmFile, file: OpenFile): Eventfd {
  if (!(file instanceof EventFile))
    throw new KvmError('EINVAL', 'this fd is no eventfd; open one with eventfd(2).');
  file.livesIn(vm);
  return file.eventfd;
}

/** The process may read so many whole pages there. */
function readable(space: AddressSpace, address: bigint, pages: number): boolean {
  try {
    return space.bytes(pointerOf(address), pages * PAGE_SIZE).length > 0;
  } catch {
    return false;
  }
}

export const VM_REQUESTS: Requests<VmFile> = {
  KVM_CHECK_EXTENSION: ({ file, argument }) => checkExtension(file.kvm, argument.value, file.vm.maxVcpus),

  KVM_CREATE_VCPU: ({ file, argument, open }) => {
    const vcpu = new VcpuFile(file, file.vm.createVcpu(argument.value)).hold();
    try {
      return open(vcpu);
    } finally {
      vcpu.release();
    }
  },
  KVM_GET_STATS_FD: bare((file, { open }) => open(new StatsFile(file, () => file.vm.getStats()))),
  KVM_CREATE_DEVICE: takes(kvm_create_device, ({ vm }, device) => vm.createDevice(device)),
  KVM_SET_BOOT_CPU_ID: ({ file, argument }) => file.vm.setBootCpuId(argument.value),

  KVM_SET_USER_MEMORY_REGION: takes(kvm_userspace_memory_region, ({ vm }, region, { space }) => {
    const at = Number(region.userspace_addr);
    const size = Number(region.memory_size);
    if (size > 0 && !space.isGood(at, size)) {
      throw new KvmError(
        'EINVAL',
        `userspace_addr 0x${at.toString(16)} with ${size} bytes is not all the process's own; take it from mmap.`,
      );
    }
    vm.setUserMemoryRegion(region);
  }),
  KVM_GET_DIRTY_LOG: takes(kvm_dirty_log, ({ vm }, { slot, dirty_bitmap }, { space }) => {
    const logged = vm.slot(slot);
    const at = pointerOf(dirty_bitmap);
    // A bad pointer is told before the harvest, which would lose what it cannot hand out.
    if (logged?.bitmap) space.bytes(at, bitmapBytes(logged.size));
    const harvest = vm.getDirtyLog(slot);
    space.bytes(at, harvest.length).set(harvest);
  }),
  KVM_CLEAR_DIRTY_LOG: takes(
    kvm_clear_dirty_log,
    ({ vm }, { slot, first_page, num_pages, dirty_bitmap }, { space }) => {
      const bytes = Math.ceil(num_pages / 64) * 8;
      // A slot without a log is told before a bad pointer.
      const bitmap = vm.slot(slot)?.bitmap
        ? space.bytes(pointerOf(dirty_bitmap), bytes)
        : new Uint8Array(bytes);
      vm.clearDirtyLog({ slot, first_page, num_pages, dirty_bitmap: bitmap });
    },
  ),

  KVM_RESET_DIRTY_RINGS: bare(({ vm }) => vm.resetDirtyRings()),
  KVM_SET_MEMORY_REGION: takes(kvm_memory_region, ({ vm }, region) => vm.setMemoryRegion(region)),
  KVM_SET_MEMORY_ALIAS: takes(kvm_memory_alias, ({ vm }, alias) => vm.setMemoryAlias(alias)),
  KVM_SET_NR_MMU_PAGES: ({ file, argument }) => file.vm.setNrMmuPages(argument.value),
  KVM_GET_NR_MMU_PAGES: ({ file }) => file.vm.getNrMmuPages(),
  KVM_SET_TSS_ADDR: ({ file, argument }) => file.vm.setTssAddr(argument.value),
  KVM_SET_IDENTITY_MAP_ADDR: ({ file, argument }) =>
    file.vm.setIdentityMapAddr(viewOf(argument.bytes(8)).getBigUint64(0, true)),

  KVM_ENABLE_CAP: takes(kvm_enable_cap, ({ vm }, cap) => vm.enableCap(cap)),

  KVM_CREATE_IRQCHIP: ({ file }) => file.vm.createIrqchip(),
  KVM_IRQ_LINE: takes(kvm_irq_level, ({ vm }, { irq, level }) => void vm.irqLine(irq, level !== 0)),
  KVM_GET_IRQCHIP: changes(kvm_irqchip, ({ vm }, { chip_id }) => ({
    chip: { dummy: vm.getIrqchip(chip_id).chip.dummy },
  })),
  KVM_SET_IRQCHIP: takes(kvm_irqchip, ({ vm }, { chip_id, chip }) =>
    vm.setIrqchip({ chip_id, chip: { dummy: chip.dummy } }),
  ),
  KVM_SIGNAL_MSI: takes(kvm_msi, ({ vm }, { address_lo, address_hi, data, flags }) =>
    vm.signalMsi({ address_lo, address_hi, data, flags }),
  ),
  KVM_SET_GSI_ROUTING: ({ file, argument }) => {
    const { nr, flags } = argument.read(kvm_irq_routing);
    if (flags !== 0) throw new KvmError('EINVAL', 'kvm_irq_routing.flags must be 0.');
    if (nr > MAX_IRQ_ROUTES) {
      throw new KvmError('EINVAL', `${nr} routes were given; ${MAX_IRQ_ROUTES} is the most.`);
    }
    file.vm.setGsiRouting(argument.read(kvm_irq_routing, nr).entries);
  },

  KVM_CREATE_PIT: ({ file }) => file.vm.createPit(),
  KVM_CREATE_PIT2: takes(kvm_pit_config, ({ vm }, { flags }) => vm.createPit2({ flags })),
  KVM_GET_PIT: gives(kvm_pit_state, ({ vm }) => vm.getPit()),
  KVM_SET_PIT: takes(kvm_pit_state, ({ vm }, state) => vm.setPit(state)),
  KVM_GET_PIT2: gives(kvm_pit_state2, ({ vm }) => vm.getPit2()),
  KVM_SET_PIT2: takes(kvm_pit_state2, ({ vm }, { channels, flags }) => vm.setPit2({ channels, flags })),
  KVM_REINJECT_CONTROL: takes(kvm_reinject_control, ({ vm }, { pit_reinject }) =>
    vm.reinjectControl(pit_reinject !== 0),
  ),

  KVM_GET_CLOCK: gives(kvm_clock_data, ({ vm }) => vm.getClock()),
  KVM_SET_CLOCK: takes(kvm_clock_data, ({ vm }, { clock, flags }) => vm.setClock({ clock, flags })),
  KVM_GET_TSC_KHZ: ({ file }) => file.vm.getTscKhz(),
  KVM_SET_TSC_KHZ: ({ file, argument }) => file.vm.setTscKhz(argument.value),

  KVM_X86_SET_MSR_FILTER: ({ file, argument, space }) =>
    file.vm.setMsrFilter(readMsrFilter(argument, space, false)),
  KVM_IRQ_LINE_STATUS: changes(kvm_irq_level, ({ vm }, { irq, level }) => ({
    irq: vm.irqLine(irq, level !== 0) >>> 0,
  })),
  KVM_IRQFD: takes(kvm_irqfd, (file, { fd, gsi, flags, resamplefd }, { get }) => {
    const resamples =
      (flags & (KVM_IRQFD_FLAG.RESAMPLE | KVM_IRQFD_FLAG.DEASSIGN)) === KVM_IRQFD_FLAG.RESAMPLE;
    file.vm.irqfd({
      fd: eventfdOf(file, get(fd)),
      gsi,
      flags,
      ...(resamples ? { resamplefd: eventfdOf(file, get(resamplefd)) } : {}),
    });
  }),
  KVM_IOEVENTFD: takes(kvm_ioeventfd, (file, { fd, addr, len, datamatch, flags }, { get }) =>
    file.vm.ioeventfd({ fd: eventfdOf(file, get(fd)), addr, len, datamatch, flags }),
  ),
  KVM_HYPERV_EVENTFD: takes(kvm_hyperv_eventfd, (file, { conn_id, fd, flags }, { get }) => {
    const off = (flags & KVM_HYPERV_EVENTFD_DEASSIGN) !== 0;
    file.vm.hypervEventfd({ conn_id, flags, ...(off ? {} : { fd: eventfdOf(file, get(fd)) }) });
  }),
  KVM_XEN_HVM_CONFIG: takes(kvm_xen_hvm_config, ({ vm }, config, { space }) => {
    const { flags, msr, blob_addr_32, blob_addr_64, blob_size_32, blob_size_64 } = config;
    if (flags !== 0) return vm.xenHvmConfig(config);
    // The guest gets copies of them: what the process may not read is as not there.
    const pages_32 = readable(space, blob_addr_32, blob_size_32) ? blob_size_32 : 0;
    const pages_64 = readable(space, blob_addr_64, blob_size_64) ? blob_size_64 : 0;
    return vm.xenHvmConfig({
      msr,
      blob_addr_32,
      blob_addr_64,
      blob_size_32: pages_32,
      blob_size_64: pages_64,
    });
  }),
  KVM_REGISTER_COALESCED_MMIO: takes(kvm_coalesced_mmio_zone, ({ vm }, zone) =>
    vm.registerCoalescedMmio(zone),
  ),
  KVM_UNREGISTER_COALESCED_MMIO: takes(kvm_coalesced_mmio_zone, ({ vm }, zone) =>
    vm.unregisterCoalescedMmio(zone),
  ),
  KVM_SET_PMU_EVENT_FILTER: refused(
    'ENOTTY',
    'there is no performance monitoring unit, so no event to filter.',
  ),
};

/** Requests of a 32-bit process that have numbers of their own. */
export const VM_COMPAT: readonly [number, Handler<VmFile>][] = [
  [
    SET_MSR_FILTER_COMPAT,
    ({ file, argument, space }) => file.vm.setMsrFilter(readMsrFilter(argument, space, true)),
  ],
];
