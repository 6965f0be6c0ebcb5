// The state of x87, MMX, SSE and AVX as a whole: FXSAVE, FXRSTOR, XSAVE, XRSTOR, XSAVEOPT, MXCSR, EMMS, FWAIT
// (SDM vol. 1, 10.5 and chapter 13). The images are made from the live state of abi/fpu.ts.

import {
  FCW_BITS,
  FCW_INIT,
  FCW_ONE,
  FE_ALL,
  FSW_B,
  FSW_ES,
  FSW_TOP_SHIFT,
  FXSAVE_BYTES,
  IMAGE_AVX,
  IMAGE_AVX_BYTES,
  IMAGE_FDP,
  IMAGE_FIP,
  IMAGE_FOP,
  IMAGE_FSW,
  IMAGE_HEADER,
  IMAGE_MXCSR,
  IMAGE_PKRU,
  IMAGE_PKRU_BYTES,
  IMAGE_ST,
  IMAGE_TAG,
  IMAGE_XMM,
  MXCSR_BITS,
  MXCSR_RESET,
  ST_EXPONENT,
  ST_STRIDE,
  V_FCW,
  V_FDP,
  V_FIP,
  V_FLOAT,
  V_FOP,
  V_FSW,
  V_FTAG,
  V_FTOP,
  V_IGNNE,
  V_MXCSR,
  V_PKRU,
  V_ST,
  V_YMM,
  XCR0_AVX,
  XCR0_PKRU,
  XCR0_SSE,
  XCR0_X87,
  XSAVE_LEAST_BYTES,
  YMM_STRIDE,
} from '../abi/fpu';
import { FLOW_FAULT, FLOW_NEXT, FLOW_STOP, R_SEG } from '../abi/insn';
import {
  OP_EMMS,
  OP_FWAIT,
  OP_FXRSTOR,
  OP_FXSAVE,
  OP_LDMXCSR,
  OP_STMXCSR,
  OP_XRSTOR,
  OP_XSAVE,
  OP_XSAVEOPT,
} from '../abi/ops';
import { V_CR0, V_CR4, V_GPR, V_XCR0 } from '../abi/vcpu_page';
import { CR0_EM, CR0_MP, CR0_TS, CR4_OSFXSR, CR4_OSXSAVE, GP, NM, RAX, UD } from '../abi/x86';
import { effective_address, finish_store, size_of } from '../cpu/operands';
import { x87_error } from '../cpu/x87_error';
import { load64, probe_write, store64 } from '../memory/access';
import { linear } from '../memory/segments';
import { set_pkru } from '../memory/tlb';
import { faulted, raise, raise_code } from '../state/fault';
import { is_64 } from '../state/vcpu';

/** FSW as programs see it: with TOP. */
export function status_word(v: u32): u32 {
  return load<u32>(v + V_FSW) | (load<u32>(v + V_FTOP) << FSW_TOP_SHIFT);
}

/** Writes FSW with TOP; ES and B follow from the exceptions that the control word leaves unmasked. */
export function set_status_word(v: u32, value: u32): void {
  store<u32>(v + V_FTOP, (value >> FSW_TOP_SHIFT) & 7);
  store<u32>(v + V_FSW, value & ~(7 << FSW_TOP_SHIFT) & 0xffff & ~(FSW_ES | FSW_B));
  update_summary(v);
}

/** ES and B after the exception flags or their masks changed. */
export function update_summary(v: u32): void {
  const fsw = load<u32>(v + V_FSW) & ~(FSW_ES | FSW_B);
  const unmasked = fsw & ~load<u32>(v + V_FCW) & FE_ALL;
  store<u32>(v + V_FSW, unmasked ? fsw | FSW_ES | FSW_B : fsw);
}

/** FNINIT. */
export function init_x87(v: u32): void {
  store<u32>(v + V_FCW, FCW_INIT);
  store<u32>(v + V_FSW, 0);
  store<u32>(v + V_FTOP, 0);
  store<u32>(v + V_FTAG, 0);
  store<u32>(v + V_FOP, 0);
  store<u64>(v + V_FIP, 0);
  store<u64>(v + V_FDP, 0);
}

/** Address of ST(i). */
function st(v: u32, i: u32): u32 {
  return v + V_ST + ((load<u32>(v + V_FTOP) + i) & 7) * ST_STRIDE;
}

/** Number of XMM registers that this code can name. */
function xmm_count(v: u32): u32 {
  return is_64(v) ? 16 : 8;
}

/** The x87 part of an image at `p` in the core's memory: 24 bytes up to MXCSR. */
function build_x87_head(v: u32, p: u32, wide: bool): void {
  store<u16>(p, load<u32>(v + V_FCW) as u16);
  store<u16>(p + IMAGE_FSW, status_word(v) as u16);
  store<u16>(p + IMAGE_TAG, load<u32>(v + V_FTAG) as u16);
  store<u16>(p + IMAGE_FOP, load<u32>(v + V_FOP) as u16);
  // Without REX.W the upper halves are selectors, which are deprecated (CPUID.7.0:EBX[13]) and stored as 0.
  const mask: u64 = wide ? u64.MAX_VALUE : 0xffffffff;
  store<u64>(p + IMAGE_FIP, load<u64>(v + V_FIP) & mask);
  store<u64>(p + IMAGE_FDP, load<u64>(v + V_FDP) & mask);
}

function restore_x87_head(v: u32, p: u32, wide: bool): void {
  store<u32>(v + V_FCW, ((load<u16>(p) as u32) & FCW_BITS) | FCW_ONE);
  store<u32>(v + V_FTAG, load<u8>(p + IMAGE_TAG));
  store<u32>(v + V_FOP, (load<u16>(p + IMAGE_FOP) as u32) & 0x7ff);
  const mask: u64 = wide ? u64.MAX_VALUE : 0xffffffff;
  store<u64>(v + V_FIP, load<u64>(p + IMAGE_FIP) & mask);
  store<u64>(v + V_FDP, load<u64>(p + IMAGE_FDP) & mask);
  set_status_word(v, load<u16>(p + IMAGE_FSW));
}

/** Outside 64-bit code an image goes on at 0 above 4 GiB. */
function image_byte(v: u32, la: u64): u64 {
  return is_64(v) ? la : la & 0xffffffff;
}

function write_image(v: u32, la: u64, value: u64): void {
  store64(v, image_byte(v, la), value);
}

function read_image(v: u32, la: u64): u64 {
  return load64(v, image_byte(v, la));
}

/** Copies `bytes` (a multiple of 8) from the core's memory to `la`, which has been probed. */
function put(v: u32, la: u64, from: u32, bytes: u32): void {
  for (let i: u32 = 0; i < bytes; i += 8) write_image(v, la + i, load<u64>(from + i));
}

/** Copies `bytes` (a multiple of 8) from `la`, which can be read. */
function get(v: u32, la: u64, to: u32, bytes: u32): void {
  for (let i: u32 = 0; i < bytes; i += 8) store<u64>(to + i, read_image(v, la + i));
}

function save_x87(v: u32, la: u64, wide: bool): void {
  const p = v + V_FLOAT;
  build_x87_head(v, p, wide);
  put(v, la, p, IMAGE_MXCSR);
  for (let i: u32 = 0; i < 8; i++) {
    const from = st(v, i);
    const at = la + IMAGE_ST + i * 16;
    write_image(v, at, load<u64>(from));
    write_image(v, at + 8, load<u16>(from + ST_EXPONENT) as u64);
  }
}

function restore_x87(v: u32, la: u64, wide: bool): void {
  const p = v + V_FLOAT;
  get(v, la, p, IMAGE_MXCSR);
  restore_x87_head(v, p, wide);
  for (let i: u32 = 0; i < 8; i++) {
    const to = st(v, i);
    const at = la + IMAGE_ST + i * 16;
    store<u64>(to, read_image(v, at));
    store<u16>(to + ST_EXPONENT, read_image(v, at + 8) as u16);
  }
}

function save_mxcsr(v: u32, la: u64): void {
  write_image(v, la + IMAGE_MXCSR, (load<u32>(v + V_MXCSR) as u64) | ((MXCSR_BITS as u64) << 32));
}

/** XMM registers (`half` 0) or upper halves of YMM registers (16). */
function save_vectors(v: u32, la: u64, half: u32): void {
  for (let i: u32 = 0; i < xmm_count(v); i++) put(v, la + i * 16, v + V_YMM + i * YMM_STRIDE + half, 16);
}

function restore_vectors(v: u32, la: u64, half: u32, init: bool): void {
  for (let i: u32 = 0; i < xmm_count(v); i++) {
    const to = v + V_YMM + i * YMM_STRIDE + half;
    if (init) memory.fill(to, 0, 16);
    else get(v, la + i * 16, to, 16);
  }
}

/** Linear address of an image of `bytes` bytes with this alignment; check `faulted`. */
function image_address(v: u32, r: u32, bytes: u32, align: u32, write: bool): u64 {
  const la = linear(v, load<u8>(r + R_SEG), effective_address(v, r), bytes, write);
  if (!faulted(v) && la & (align - 1)) raise_code(v, GP, 0);
  return la;
}

/** Raises the fault of reading `bytes` at `la`, if there is one. */
function probe_read(v: u32, la: u64, bytes: u32): bool {
  read_image(v, la);
  if (!faulted(v)) read_image(v, la + bytes - 8);
  return !faulted(v);
}

function fxsave_allowed(v: u32): u32 {
  const cr0 = load<u32>(v + V_CR0);
  if (cr0 & CR0_EM) return raise(v, UD);
  return cr0 & CR0_TS ? raise(v, NM) : FLOW_NEXT;
}

/** Without CR4.OSFXSR the XMM registers and MXCSR are not part of the image. */
function has_sse(v: u32): bool {
  return (load<u32>(v + V_CR4) & CR4_OSFXSR) != 0;
}

function fxsave(v: u32, r: u32): u32 {
  const refused = fxsave_allowed(v);
  if (refused) return refused;
  const la = image_address(v, r, FXSAVE_BYTES, 16, true);
  if (faulted(v) || !probe_write(v, la, FXSAVE_BYTES)) return FLOW_FAULT;
  save_x87(v, la, size_of(r) == 3);
  save_mxcsr(v, la);
  if (has_sse(v)) save_vectors(v, la + IMAGE_XMM, 0);
  return faulted(v) ? FLOW_FAULT : FLOW_STOP;
}

function fxrstor(v: u32, r: u32): u32 {
  const refused = fxsave_allowed(v);
  if (refused) return refused;
  const la = image_address(v, r, FXSAVE_BYTES, 16, false);
  if (faulted(v) || !probe_read(v, la, FXSAVE_BYTES)) return FLOW_FAULT;
  const mxcsr = read_image(v, la + IMAGE_MXCSR) as u32;
  if (mxcsr & ~MXCSR_BITS) return raise_code(v, GP, 0);
  restore_x87(v, la, size_of(r) == 3);
  if (has_sse(v)) {
    store<u32>(v + V_MXCSR, mxcsr);
    restore_vectors(v, la + IMAGE_XMM, 0, false);
  }
  return faulted(v) ? FLOW_FAULT : FLOW_NEXT;
}

/** XINUSE: components that are not in their initial configuration (SDM vol. 1, 13.6). */
function in_use(v: u32): u32 {
  let bits: u32 = 0;
  if (
    load<u32>(v + V_FCW) != FCW_INIT ||
    status_word(v) | load<u32>(v + V_FTAG) | load<u32>(v + V_FOP) ||
    load<u64>(v + V_FIP) | load<u64>(v + V_FDP) ||
    any(v + V_ST, ST_STRIDE, 8)
  )
    bits |= XCR0_X87;
  if (any(v + V_YMM, YMM_STRIDE, 16)) bits |= XCR0_SSE;
  if (any(v + V_YMM + 16, YMM_STRIDE, 16)) bits |= XCR0_AVX;
  if (load<u32>(v + V_PKRU)) bits |= XCR0_PKRU;
  return bits;
}

function any(p: u32, stride: u32, count: u32): bool {
  for (let i: u32 = 0; i < count; i++) {
    if (v128.any_true(v128.load(p + i * stride))) return true;
  }
  return false;
}

function xsave_allowed(v: u32): u32 {
  if ((load<u32>(v + V_CR4) & CR4_OSXSAVE) == 0) return raise(v, UD);
  return load<u32>(v + V_CR0) & CR0_TS ? raise(v, NM) : FLOW_NEXT;
}

/** Components that the instruction works on: XCR0 and EDX:EAX. All that exist are in the low half. */
function requested(v: u32): u32 {
  return load<u32>(v + V_XCR0) & load<u32>(v + V_GPR + RAX * 8);
}

function image_size(components: u32): u32 {
  if (components & XCR0_PKRU) return IMAGE_PKRU + IMAGE_PKRU_BYTES;
  return components & XCR0_AVX ? IMAGE_AVX + IMAGE_AVX_BYTES : XSAVE_LEAST_BYTES;
}

/** XSAVE and XSAVEOPT (`only_used`) in the standard form. */
function xsave(v: u32, r: u32, only_used: bool): u32 {
  const refused = xsave_allowed(v);
  if (refused) return refused;
  const wanted = requested(v);
  const size = image_size(wanted);
  const la = image_address(v, r, size, 64, true);
  if (faulted(v) || !probe_write(v, la, size)) return FLOW_FAULT;
  const old = read_image(v, la + IMAGE_HEADER);
  if (faulted(v)) return FLOW_FAULT;
  const used = in_use(v);
  const written = only_used ? wanted & used : wanted;
  if (written & XCR0_X87) save_x87(v, la, size_of(r) == 3);
  if (wanted & (XCR0_SSE | XCR0_AVX)) save_mxcsr(v, la);
  if (written & XCR0_SSE) save_vectors(v, la + IMAGE_XMM, 0);
  if (written & XCR0_AVX) save_vectors(v, la + IMAGE_AVX, 16);
  if (written & XCR0_PKRU) write_image(v, la + IMAGE_PKRU, load<u32>(v + V_PKRU) as u64);
  write_image(v, la + IMAGE_HEADER, (old & ~(wanted as u64)) | ((used & wanted) as u64));
  return faulted(v) ? FLOW_FAULT : FLOW_STOP;
}

function xrstor(v: u32, r: u32): u32 {
  const refused = xsave_allowed(v);
  if (refused) return refused;
  const wanted = requested(v);
  const size = image_size(wanted);
  const la = image_address(v, r, size, 64, false);
  if (faulted(v) || !probe_read(v, la, size)) return FLOW_FAULT;
  const present = read_image(v, la + IMAGE_HEADER);
  const compact = read_image(v, la + IMAGE_HEADER + 8);
  const reserved = read_image(v, la + IMAGE_HEADER + 16);
  if (faulted(v)) return FLOW_FAULT;
  if (compact | reserved || present & ~load<u64>(v + V_XCR0)) return raise_code(v, GP, 0);
  if (wanted & (XCR0_SSE | XCR0_AVX)) {
    const mxcsr = read_image(v, la + IMAGE_MXCSR) as u32;
    if (mxcsr & ~MXCSR_BITS) return raise_code(v, GP, 0);
    store<u32>(v + V_MXCSR, mxcsr);
  }
  const here = present as u32;
  if (wanted & XCR0_X87) {
    if (here & XCR0_X87) {
      restore_x87(v, la, size_of(r) == 3);
    } else {
      init_x87(v);
      memory.fill(v + V_ST, 0, ST_STRIDE * 8);
    }
  }
  if (wanted & XCR0_SSE) restore_vectors(v, la + IMAGE_XMM, 0, (here & XCR0_SSE) == 0);
  if (wanted & XCR0_AVX) restore_vectors(v, la + IMAGE_AVX, 16, (here & XCR0_AVX) == 0);
  if (wanted & XCR0_PKRU) set_pkru(v, here & XCR0_PKRU ? (read_image(v, la + IMAGE_PKRU) as u32) : 0);
  return faulted(v) ? FLOW_FAULT : FLOW_STOP;
}

function ldmxcsr(v: u32, rm: u32): u32 {
  const value = load<u32>(rm);
  if (value & ~MXCSR_BITS) return raise_code(v, GP, 0);
  store<u32>(v + V_MXCSR, value);
  return FLOW_NEXT;
}

function fwait(v: u32): u32 {
  const cr0 = load<u32>(v + V_CR0);
  if ((cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)) return raise(v, NM);
  return x87_error(v);
}

/** All registers empty, and TOP 0 as after any MMX instruction. */
function emms(v: u32): u32 {
  const error = x87_error(v);
  if (error) return error;
  store<u32>(v + V_FTAG, 0);
  store<u32>(v + V_FTOP, 0);
  return FLOW_NEXT;
}

/** Floating-point state after power-up (SDM vol. 3, table 10-1, with FCW as after FNINIT, which is what KVM gives). */
export function reset_float(v: u32): void {
  memory.fill(v + V_ST, 0, ST_STRIDE * 8);
  memory.fill(v + V_YMM, 0, YMM_STRIDE * 16);
  init_x87(v);
  store<u32>(v + V_MXCSR, MXCSR_RESET);
  store<u32>(v + V_PKRU, 0);
  store<u32>(v + V_IGNNE, 0);
}

/** Executes the family OP_FXSAVE .. OP_FWAIT. */
export function exec_fpu_state(v: u32, r: u32, op: u32, rm: u32): u32 {
  switch (op) {
    case OP_FXSAVE:
      return fxsave(v, r);
    case OP_FXRSTOR:
      return fxrstor(v, r);
    case OP_XSAVE:
      return xsave(v, r, false);
    case OP_XSAVEOPT:
      return xsave(v, r, true);
    case OP_XRSTOR:
      return xrstor(v, r);
    case OP_LDMXCSR:
      return ldmxcsr(v, rm);
    case OP_STMXCSR:
      store<u32>(rm, load<u32>(v + V_MXCSR));
      return finish_store(v);
    case OP_EMMS:
      return emms(v);
    case OP_FWAIT:
      return fwait(v);
    default:
      return raise(v, UD);
  }
}
