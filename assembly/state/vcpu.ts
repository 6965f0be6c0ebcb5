// Questions about a vCPU's mode that every floor above asks. Reads the vCPU page, changes nothing.
import { IRQCHIP_FULL } from '../abi/calls';
import {
  MAX_VCPUS,
  VCPU_BASE,
  VCPU_PAGE,
  VCPU_STRIDE,
  VM_HAS_IRQCHIP,
  VM_NEXT,
  VM_PAGE,
  VM_VCPUS,
} from '../abi/map';
import {
  CS,
  MODE_64,
  MODE_SIZE,
  SEG_STRIDE,
  V_BASE,
  V_CPL,
  V_CR0,
  V_EFER,
  V_ID,
  V_MODE,
  V_RFLAGS,
  V_SEGS,
} from '../abi/vcpu_page';
import { CR0_PE, CR0_PG, EFER_LMA, FLAG_VM } from '../abi/x86';
import { vm_base } from '../host';

/** Address of the vCPU page of vCPU `id`. */
export function vcpu_page(id: u32): u32 {
  return vm_base + VCPU_BASE + id * VCPU_STRIDE + VCPU_PAGE;
}

/** The first vCPU at or above bit `id` of the VM at `base`, or of the VMs behind it in the chain; 0 = none. */
function vcpu_from(base: u32, id: u32): u32 {
  let from = id;
  for (let vm = base, going = true; going; from = 0) {
    const made = from < MAX_VCPUS ? (atomic.load<u32>(vm + VM_PAGE + VM_VCPUS) >> from) << from : 0;
    if (made != 0) return vm + VCPU_BASE + ctz<u32>(made) * VCPU_STRIDE + VCPU_PAGE;
    vm = atomic.load<u32>(vm + VM_PAGE + VM_NEXT);
    going = vm != 0;
  }
  return 0;
}

/** The first vCPU of the memory, of whatever VM; 0 = none. Requests about memory go to all of them. */
export function first_vcpu(): u32 {
  return vcpu_from(0, 0);
}

/** The vCPU after `v`; 0 = it was the last. */
export function next_vcpu(v: u32): u32 {
  return vcpu_from(load<u32>(v + V_BASE), load<u32>(v + V_ID) + 1);
}

/** There is no vCPU but this one in the memory. */
export function is_alone(v: u32): bool {
  return (
    load<u32>(v + V_BASE) == 0 &&
    atomic.load<u32>(VM_PAGE + VM_VCPUS) == 1 << load<u32>(v + V_ID) &&
    atomic.load<u32>(VM_PAGE + VM_NEXT) == 0
  );
}

export function has_vcpu(id: u32): bool {
  return id < MAX_VCPUS && (load<u32>(vm_base + VM_PAGE + VM_VCPUS) & (1 << id)) != 0;
}

export function has_irqchip(): bool {
  return load<u32>(vm_base + VM_PAGE + VM_HAS_IRQCHIP) != 0;
}

/** All chips are in the core, not the local APICs alone. */
export function has_pic(): bool {
  return load<u32>(vm_base + VM_PAGE + VM_HAS_IRQCHIP) == IRQCHIP_FULL;
}

export function cpl(v: u32): u32 {
  return load<u32>(v + V_CPL);
}

/** CR0.PE = 0. */
export function is_real_mode(v: u32): bool {
  return (load<u32>(v + V_CR0) & CR0_PE) == 0;
}

export function is_v86(v: u32): bool {
  return (load<u32>(v + V_RFLAGS) & FLAG_VM) != 0 && !is_real_mode(v);
}

/** Real mode or virtual-8086 mode: selectors are paragraphs. */
export function is_real(v: u32): bool {
  return is_real_mode(v) || (load<u32>(v + V_RFLAGS) & FLAG_VM) != 0;
}

/** Long mode is active, in 64-bit or compatibility submode. */
export function is_long(v: u32): bool {
  return (load<u32>(v + V_EFER) & EFER_LMA) != 0;
}

/** 64-bit code. */
export function is_64(v: u32): bool {
  return (load<u32>(v + V_MODE) & MODE_SIZE) == MODE_64;
}

export function paging(v: u32): bool {
  return (load<u32>(v + V_CR0) & CR0_PG) != 0;
}

/** Address of a segment register's fields. */
export function seg(v: u32, n: u32): u32 {
  return v + V_SEGS + n * SEG_STRIDE;
}

/** Address of CS. */
export function cs(v: u32): u32 {
  return v + V_SEGS + CS * SEG_STRIDE;
}

/** Bits 63..47 are all equal. */
export function canonical(la: u64): bool {
  return ((((la as i64) << 16) >> 16) as u64) == la;
}
