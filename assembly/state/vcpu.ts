// Questions about a vCPU's mode that every floor above asks. Reads the vCPU page, changes nothing.
import { MAX_VCPUS, VCPU_BASE, VCPU_PAGE, VCPU_STRIDE, VM_HAS_IRQCHIP, VM_PAGE, VM_VCPUS } from '../abi/map';
import {
  CS,
  MODE_64,
  MODE_SIZE,
  SEG_STRIDE,
  V_CPL,
  V_CR0,
  V_EFER,
  V_MODE,
  V_RFLAGS,
  V_SEGS,
} from '../abi/vcpu_page';
import { CR0_PE, CR0_PG, EFER_LMA, FLAG_VM } from '../abi/x86';

/** Address of the vCPU page of vCPU `id`. */
export function vcpu_page(id: u32): u32 {
  return VCPU_BASE + id * VCPU_STRIDE + VCPU_PAGE;
}

export function has_vcpu(id: u32): bool {
  return id < MAX_VCPUS && (load<u32>(VM_PAGE + VM_VCPUS) & (1 << id)) != 0;
}

export function has_irqchip(): bool {
  return load<u32>(VM_PAGE + VM_HAS_IRQCHIP) != 0;
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
