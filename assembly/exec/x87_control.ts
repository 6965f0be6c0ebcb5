// x87 control instructions: control and status word, the environment and the whole state in their four formats
// (SDM vol. 1, 8.1.10 and figures 8-9 to 8-12).
import {
  FCW_BITS,
  FCW_ONE,
  FE_ALL,
  FSW_B,
  FSW_ES,
  FSW_SF,
  ST_EXPONENT,
  V_FCW,
  V_FDP,
  V_FIP,
  V_FOP,
  V_FSW,
  V_FTAG,
  V_FTOP,
} from '../abi/fpu';
import { FLOW_FAULT, FLOW_NEXT, FLOW_STOP, R_SEG } from '../abi/insn';
import {
  OP_FLDCW,
  OP_FLDENV,
  OP_FNCLEX,
  OP_FNINIT,
  OP_FNSAVE,
  OP_FNSTCW,
  OP_FNSTENV,
  OP_FNSTSW,
  OP_FRSTOR,
} from '../abi/ops_x87';
import { V_LEAVE } from '../abi/vcpu_page';
import { effective_address, finish_store, size_of } from '../cpu/operands';
import { load16, load32, load64, probe_write, store16, store32, store64 } from '../memory/access';
import { linear } from '../memory/segments';
import { faulted } from '../state/fault';
import { is_real } from '../state/vcpu';
import { init_x87, set_status_word, status_word, update_summary } from './fpu_state';
import { EXPONENT, INTEGER_BIT, put, st } from './x87_stack';

/** Bytes of a register in the image of FSAVE. */
const REGISTER: u32 = 10;
const TAG_ZERO: u32 = 1;
const TAG_SPECIAL: u32 = 2;
const TAG_EMPTY: u32 = 3;

function tag_of(at: u32): u32 {
  const significand = load<u64>(at);
  const exponent = (load<u16>(at + ST_EXPONENT) as u32) & EXPONENT;
  if (exponent == 0) return significand ? TAG_SPECIAL : TAG_ZERO;
  return exponent == EXPONENT || (significand & INTEGER_BIT) == 0 ? TAG_SPECIAL : 0;
}

/** The tag word with two bits for each physical register. */
function tag_word(v: u32): u32 {
  const top = load<u32>(v + V_FTOP);
  const valid = load<u32>(v + V_FTAG);
  let word: u32 = 0;
  for (let n: u32 = 0; n < 8; n++) {
    const tag = valid & (1 << n) ? tag_of(st(v, n - top)) : TAG_EMPTY;
    word |= tag << (n * 2);
  }
  return word;
}

function set_tag_word(v: u32, word: u32): void {
  let valid: u32 = 0;
  for (let n: u32 = 0; n < 8; n++) {
    if (((word >> (n * 2)) & 3) != TAG_EMPTY) valid |= 1 << n;
  }
  store<u32>(v + V_FTAG, valid);
}

/** Bytes of the environment: seven words or double words. */
function environment_size(wide: bool): u32 {
  return wide ? 28 : 14;
}

/** Stores item `n` of an environment that has been probed; the upper half of a 32-bit item comes with it. */
function store_item(v: u32, la: u64, wide: bool, n: u32, value: u32): void {
  if (wide) store32(v, la + n * 4, value);
  else store16(v, la + n * 2, value);
}

/** FCS and FDS are deprecated (CPUID.7.0:EBX[13]): the selectors are stored as 0. */
function store_environment(v: u32, la: u64, wide: bool): void {
  const upper: u32 = 0xffff0000;
  store_item(v, la, wide, 0, load<u32>(v + V_FCW) | upper);
  store_item(v, la, wide, 1, status_word(v) | upper);
  store_item(v, la, wide, 2, tag_word(v) | upper);
  const fip = load<u64>(v + V_FIP) as u32;
  const fdp = load<u64>(v + V_FDP) as u32;
  const fop = load<u32>(v + V_FOP);
  if (!is_real(v)) {
    store_item(v, la, wide, 3, fip);
    store_item(v, la, wide, 4, wide ? fop << 16 : 0);
    store_item(v, la, wide, 5, fdp);
    store_item(v, la, wide, 6, upper);
    return;
  }
  store_item(v, la, wide, 3, wide ? (fip & 0xffff) | upper : fip);
  store_item(v, la, wide, 4, fop | ((fip >> 16) << 12));
  store_item(v, la, wide, 5, wide ? (fdp & 0xffff) | upper : fdp);
  store_item(v, la, wide, 6, (fdp >> 16) << 12);
}

function load_item(v: u32, la: u64, wide: bool, n: u32): u32 {
  return (wide ? load32(v, la + n * 4) : load16(v, la + n * 2)) as u32;
}

/** Reads an environment; false = a fault, and nothing has changed. */
function load_environment(v: u32, la: u64, wide: bool): bool {
  const fcw = load_item(v, la, wide, 0);
  if (faulted(v)) return false;
  const fsw = load_item(v, la, wide, 1);
  const tags = load_item(v, la, wide, 2);
  let fip = load_item(v, la, wide, 3);
  const selector = load_item(v, la, wide, 4);
  let fdp = load_item(v, la, wide, 5);
  const last = load_item(v, la, wide, 6);
  if (faulted(v)) return false;
  let fop = wide ? selector >> 16 : 0;
  if (is_real(v)) {
    fop = selector;
    fip = (fip & 0xffff) | ((selector >> 12) << 16);
    fdp = (fdp & 0xffff) | ((last >> 12) << 16);
  }
  store<u32>(v + V_FCW, (fcw & FCW_BITS) | FCW_ONE);
  set_status_word(v, fsw & 0xffff);
  set_tag_word(v, tags);
  store<u64>(v + V_FIP, fip);
  store<u64>(v + V_FDP, fdp);
  store<u32>(v + V_FOP, fop & 0x7ff);
  return true;
}

function image_address(v: u32, r: u32, bytes: u32, write: bool): u64 {
  return linear(v, load<u8>(r + R_SEG), effective_address(v, r), bytes, write);
}

/** Ends an instruction that stored piecewise. */
function stored(v: u32): u32 {
  if (faulted(v)) return FLOW_FAULT;
  return load<u32>(v + V_LEAVE) ? FLOW_STOP : FLOW_NEXT;
}

function fldenv(v: u32, r: u32): u32 {
  const wide = size_of(r) == 2;
  const la = image_address(v, r, environment_size(wide), false);
  return !faulted(v) && load_environment(v, la, wide) ? FLOW_NEXT : FLOW_FAULT;
}

function frstor(v: u32, r: u32): u32 {
  const wide = size_of(r) == 2;
  const head = environment_size(wide);
  const la = image_address(v, r, head + 8 * REGISTER, false);
  if (faulted(v)) return FLOW_FAULT;
  const registers = la + head;
  // The last byte is looked at before anything changes.
  load16(v, registers + 8 * REGISTER - 2);
  if (faulted(v) || !load_environment(v, la, wide)) return FLOW_FAULT;
  for (let i: u32 = 0; i < 8; i++) {
    const at = registers + i * REGISTER;
    put(st(v, i), load64(v, at), load16(v, at + 8) as u32);
  }
  return faulted(v) ? FLOW_FAULT : FLOW_NEXT;
}

/** Afterwards all exceptions are masked. */
function fnstenv(v: u32, r: u32): u32 {
  const wide = size_of(r) == 2;
  const la = image_address(v, r, environment_size(wide), true);
  if (faulted(v) || !probe_write(v, la, environment_size(wide))) return FLOW_FAULT;
  store_environment(v, la, wide);
  if (faulted(v)) return FLOW_FAULT;
  store<u32>(v + V_FCW, load<u32>(v + V_FCW) | FE_ALL);
  update_summary(v);
  return stored(v);
}

function fnsave(v: u32, r: u32): u32 {
  const wide = size_of(r) == 2;
  const head = environment_size(wide);
  const la = image_address(v, r, head + 8 * REGISTER, true);
  if (faulted(v) || !probe_write(v, la, head + 8 * REGISTER)) return FLOW_FAULT;
  store_environment(v, la, wide);
  for (let i: u32 = 0; i < 8 && !faulted(v); i++) {
    const at = la + head + i * REGISTER;
    store64(v, at, load<u64>(st(v, i)));
    store16(v, at + 8, load<u16>(st(v, i) + ST_EXPONENT));
  }
  if (faulted(v)) return FLOW_FAULT;
  init_x87(v);
  return stored(v);
}

/** Executes OP_FLDCW .. OP_FNNOP. */
export function exec_x87_control(v: u32, r: u32, op: u32, rm: u32): u32 {
  switch (op) {
    case OP_FLDCW:
      store<u32>(v + V_FCW, ((load<u16>(rm) as u32) & FCW_BITS) | FCW_ONE);
      update_summary(v);
      return FLOW_NEXT;
    case OP_FLDENV:
      return fldenv(v, r);
    case OP_FRSTOR:
      return frstor(v, r);
    case OP_FNSTCW:
      store<u16>(rm, load<u32>(v + V_FCW) as u16);
      return finish_store(v);
    case OP_FNSTSW:
      store<u16>(rm, status_word(v) as u16);
      return finish_store(v);
    case OP_FNSTENV:
      return fnstenv(v, r);
    case OP_FNSAVE:
      return fnsave(v, r);
    case OP_FNCLEX:
      store<u32>(v + V_FSW, load<u32>(v + V_FSW) & ~(FE_ALL | FSW_SF | FSW_ES | FSW_B));
      return FLOW_NEXT;
    case OP_FNINIT:
      init_x87(v);
      return FLOW_NEXT;
    default:
      return FLOW_NEXT;
  }
}
