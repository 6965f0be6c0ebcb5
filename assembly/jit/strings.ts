// String instructions without REP into Wasm: one element, in whichever direction. With REP they are the interpreter's, which moves
// whole pages (exec/string.ts).

import { R_FLAGS, R_SEG, RF_ASIZE_SHIFT, RF_REP, RF_REPNE, RF_SIZE } from '../abi/insn';
import { TLB_READ } from '../abi/map';
import { OP_LODS, OP_MOVS, OP_SCAS, OP_STOS } from '../abi/ops';
import { CS, ES, FS, LF_SUB, V_GPR, V_RFLAGS } from '../abi/vcpu_page';
import { get, is_wide, set } from './frame';
import { F_STRING, L_V } from './locals';
import { push_memory, reach, register_address, store_with } from './operands';
import { local_a, local_b, push_register, set_register, sized } from './registers';
import { note, take_result } from './results';
import {
  byte,
  I32_ADD,
  I32_AND,
  I32_LOAD,
  I32_SHR_U,
  I32_SUB,
  I64_ADD,
  I64_EXTEND_S,
  I64_SUB,
  i32_const,
  memory_op,
} from './wasm';

const RAX: u32 = 0;
const RSI: u32 = 6 * 8;
const RDI: u32 = 7 * 8;

/** The register goes on to the next element: EFLAGS.DF (bit 10) says where that is. */
function advance(address: u32, size: u32): void {
  const width: u32 = is_wide() ? 3 : 2;
  push_register(address, width);
  i32_const(1 << size);
  get(L_V);
  memory_op(I32_LOAD, V_RFLAGS);
  i32_const(9 - size);
  byte(I32_SHR_U);
  i32_const(2 << size);
  byte(I32_AND);
  byte(I32_SUB);
  if (width == 3) byte(I64_EXTEND_S);
  sized(width, I64_ADD, I32_ADD);
  set_register(address, width);
}

/** The element at a register's address into a local. */
function fetch(r: u32, address: u32, size: u32, segment: u32, local: u32): void {
  register_address(address);
  reach(r, TLB_READ, size, segment);
  push_memory(size);
  set(local);
}

/** Stores a local at RDI. Where the run ends behind it, the core lets the registers go on. */
function put(v: u32, r: u32, size: u32, value: u32, moves_source: bool): void {
  register_address(v + V_GPR + RDI);
  store_with(r, F_STRING, value, size, moves_source ? CS : ES);
  if (moves_source) advance(v + V_GPR + RSI, size);
  advance(v + V_GPR + RDI, size);
}

/** Flags of local_a minus local_b. */
function compare(size: u32): void {
  get(local_a(size));
  get(local_b(size));
  sized(size, I64_SUB, I32_SUB);
  take_result(size);
  note(LF_SUB, size);
}

/** Emits the record `r` of OP_MOVS .. OP_OUTS; false when the interpreter must execute it. */
export function emit_string(v: u32, r: u32, op: u32): bool {
  const flags: u32 = load<u16>(r + R_FLAGS);
  const size = flags & RF_SIZE;
  const segment: u32 = load<u8>(r + R_SEG);
  if (flags & (RF_REP | RF_REPNE) || ((flags >> RF_ASIZE_SHIFT) & 3) != (is_wide() ? 3 : 2)) return false;
  // The manual's checks of CS and of what is not flat are the interpreter's.
  if (segment >= FS || (segment == CS && !is_wide()) || op > OP_SCAS) return false;
  const rsi = v + V_GPR + RSI;
  const rdi = v + V_GPR + RDI;
  const rax = v + V_GPR + RAX;
  if (op == OP_MOVS) {
    fetch(r, rsi, size, segment, local_b(size));
    put(v, r, size, local_b(size), true);
  } else if (op == OP_STOS) {
    push_register(rax, size);
    set(local_b(size));
    put(v, r, size, local_b(size), false);
  } else if (op == OP_LODS) {
    fetch(r, rsi, size, segment, local_b(size));
    advance(rsi, size);
    get(local_b(size));
    set_register(rax, size);
  } else if (op == OP_SCAS) {
    fetch(r, rdi, size, ES, local_b(size));
    push_register(rax, size);
    set(local_a(size));
    compare(size);
    advance(rdi, size);
  } else {
    fetch(r, rsi, size, segment, local_a(size));
    fetch(r, rdi, size, ES, local_b(size));
    compare(size);
    advance(rsi, size);
    advance(rdi, size);
  }
  return true;
}
