// What follows from control registers, segments and EFLAGS: the decode mode and the TLB array in force.

import { XCR0_AVX, XCR0_SSE } from '../abi/fpu';
import { KVM_GUESTDBG_USE_HW_BP } from '../abi/kvm_run';
import { TLB_NONE, TLB_SMAP, TLB_SUPERVISOR, TLB_USER } from '../abi/map';
import {
  ATTR_CODE,
  ATTR_DB,
  ATTR_DC,
  ATTR_L,
  ATTR_RW,
  ATTR_UNUSABLE,
  CS,
  DS,
  ES,
  FS,
  MODE_32,
  MODE_64,
  MODE_AVX,
  MODE_EM,
  MODE_FLAT,
  MODE_REAL,
  MODE_SSE,
  MODE_STACK32,
  MODE_TS,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SS,
  V_ADDRESS_MASK,
  V_CPL,
  V_CR0,
  V_CR4,
  V_DEBUG_CONTROL,
  V_DEBUG_DR,
  V_DR,
  V_MODE,
  V_RFLAGS,
  V_TLB,
  V_TLB_EXEC,
  V_XCR0,
} from '../abi/vcpu_page';
import { CR0_AM, CR0_EM, CR0_TS, CR4_OSFXSR, CR4_OSXSAVE, CR4_SMAP, FLAG_AC, GP } from '../abi/x86';
import { exec_array, tlb_array } from '../memory/tlb';
import { raise_code } from '../state/fault';
import { is_long, is_real, seg } from '../state/vcpu';

function flat_data(s: u32): bool {
  const attr = load<u32>(s + SEG_ATTR);
  return (
    (attr & (ATTR_UNUSABLE | ATTR_CODE | ATTR_DC | ATTR_RW)) == ATTR_RW &&
    load<u64>(s + SEG_BASE) == 0 &&
    load<u32>(s + SEG_LIMIT) == 0xffffffff
  );
}

/** CPL 0; else raises #GP(0). */
export function privileged(v: u32): bool {
  if (load<u32>(v + V_CPL) == 0) return true;
  raise_code(v, GP, 0);
  return false;
}

/** Chooses the TLB arrays for data and code: after CPL, EFLAGS.AC, CR0.AM, CR4.SMAP or the debug registers changed. */
export function update_tlb_mode(v: u32): void {
  let mode = TLB_SUPERVISOR;
  const ac = (load<u32>(v + V_RFLAGS) & FLAG_AC) != 0;
  if (load<u32>(v + V_CPL) == 3) {
    mode = ac && load<u32>(v + V_CR0) & CR0_AM ? TLB_NONE : TLB_USER;
  } else if (!ac && load<u32>(v + V_CR4) & CR4_SMAP) {
    mode = TLB_SMAP;
  }
  const dr7 = load<u32>(
    (load<u32>(v + V_DEBUG_CONTROL) & KVM_GUESTDBG_USE_HW_BP ? v + V_DEBUG_DR : v + V_DR) + 56,
  );
  if (dr7 & 0xff && data_breakpoint(dr7)) mode = TLB_NONE;
  store<u32>(v + V_TLB, tlb_array(v, mode));
  store<u32>(v + V_TLB_EXEC, exec_array(v, load<u32>(v + V_CPL) == 3 ? 1 : 0));
}

function data_breakpoint(dr7: u32): bool {
  for (let i: u32 = 0; i < 4; i++) {
    if (dr7 & (3 << (i * 2)) && dr7 & (1 << (16 + i * 4))) return true;
  }
  return false;
}

/** The bits of V_MODE that come from segments and from the mode of the processor. */
function segment_mode(v: u32): u32 {
  const code = seg(v, CS);
  const attr = load<u32>(code + SEG_ATTR);
  if (is_long(v) && attr & ATTR_L) return MODE_64;
  let mode: u32 = 0;
  if (attr & ATTR_DB) mode |= MODE_32;
  if (is_real(v)) mode |= MODE_REAL;
  const stack = seg(v, SS);
  if ((load<u32>(stack + SEG_ATTR) & ATTR_DB) == 0) return mode;
  mode |= MODE_STACK32;
  if (
    mode & MODE_32 &&
    load<u64>(code + SEG_BASE) == 0 &&
    load<u32>(code + SEG_LIMIT) == 0xffffffff &&
    flat_data(stack) &&
    flat_data(seg(v, DS)) &&
    flat_data(seg(v, ES))
  )
    mode |= MODE_FLAT;
  return mode;
}

/** Recomputes V_MODE, V_TLB and V_TLB_EXEC. */
export function update_mode(v: u32): void {
  const mode = segment_mode(v);
  store<u64>(v + V_ADDRESS_MASK, mode == MODE_64 ? u64.MAX_VALUE : 0xffffffff);
  store<u32>(v + V_MODE, mode | float_mode(v));
  update_tlb_mode(v);
}

/** Recomputes of V_MODE what a load of segment register `n`, which is not CS, may change; true when something has. */
export function update_segment(v: u32, n: u32): bool {
  if (n >= FS) return false;
  const before = load<u32>(v + V_MODE);
  const mode = (before & (MODE_TS | MODE_EM | MODE_SSE | MODE_AVX)) | segment_mode(v);
  store<u32>(v + V_MODE, mode);
  return mode != before;
}

/** The bits of V_MODE that allow x87, SSE and AVX (SDM vol. 3, 2.5 and 13.1). */
function float_mode(v: u32): u32 {
  const cr0 = load<u32>(v + V_CR0);
  const cr4 = load<u32>(v + V_CR4);
  let mode: u32 = 0;
  if (cr0 & CR0_TS) mode |= MODE_TS;
  if (cr0 & CR0_EM) mode |= MODE_EM;
  if (cr4 & CR4_OSFXSR) mode |= MODE_SSE;
  if (cr4 & CR4_OSXSAVE && (load<u32>(v + V_XCR0) & (XCR0_SSE | XCR0_AVX)) == (XCR0_SSE | XCR0_AVX))
    mode |= MODE_AVX;
  return mode;
}
