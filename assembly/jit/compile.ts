// A region from its entry to the module that the host compiles.

import { B_HVA, B_MODE, R_OP, RECORD_SIZE } from '../abi/insn';
import {
  JIT_CODE,
  JIT_CODE_END,
  JIT_HINTS,
  JIT_PLACES,
  PLACE_ENTRY,
  PLACE_EXIT,
  REGION_BLOCKS,
  REGION_COUNT,
  REGION_RIP,
} from '../abi/jit';
import { VCPU_JIT, VCPU_PAGE } from '../abi/map';
import { OP_END } from '../abi/ops';
import { MODE_64, MODE_FLAT, MODE_SIZE } from '../abi/vcpu_page';
import { note_made } from '../decode/region_notes';
import { add_page, add_region, make_room, region } from '../decode/regions';
import { host_compile } from '../host';
import { resume, stand } from '../memory/requests';
import { assume_flags, FLAGS_UNKNOWN } from './flags';
import { enter, leave } from './frame';
import { begin_hints, insert_hints } from './hints';
import { registers_of } from './instructions';
import { reload_vector_state } from './light';
import {
  CODE_LOCALS,
  F_CALL,
  F_CARRY,
  F_COMPARE,
  F_CONDITION,
  F_FINISH,
  F_FLOAT,
  F_HIGH,
  F_LIGHT,
  F_MODIFY,
  F_OVERFLOW,
  F_PUSH,
  F_READ,
  F_RECORD,
  F_STRING,
  F_WRITE,
  F_X87,
  F_X87_COMPARE,
  F_X87_ONE,
  F_X87_PRODUCT,
  F_X87_PRODUCT64,
  F_X87_QUOTIENT,
  F_X87_SETTLE,
  F_X87_SUM,
  F_X87_SUM64,
  F_ZERO_PRODUCT,
  I32_LOCALS,
  I64_LOCALS,
  IMPORTED,
  X87_LOCALS,
} from './locals';
import { page_hva, page_lines, pages_count } from './pages';
import { begin_places, move_places, note_place, places_count } from './places';
import { begin_records, end_records, records_full } from './records';
import { find_region, first_record, instruction_count, node_count } from './region';
import { begin_instruction } from './registers';
import { emit_tree } from './structure';
import { begin_checks, prepare_checks } from './vector_check';
import {
  begin_vectors,
  behind_vector_locals,
  choose_vector_locals,
  declare_vector_locals,
  prepare_vectors,
  VECTOR_GROUPS,
} from './vector_registers';
import { begin, byte, here, I32, I64, name, overflowed, patch, size_field, uleb } from './wasm';
import { V128 } from './wasm_simd';
import { begin_x87, is_x87 } from './x87_state';

/** The region has x87 instructions. */
let with_x87: bool = false;

/** Registers that the code of the region knows, as a mask. */
function registers(v: u32): u32 {
  let mask: u32 = 0x10;
  with_x87 = false;
  begin_instruction(v, 0, 0);
  begin_checks();
  begin_vectors(v);
  for (let n: u32 = 0; n < node_count(); n++) {
    for (let r = first_record(n); load<u16>(r + R_OP) != OP_END; r += RECORD_SIZE) {
      mask |= registers_of(v, r);
      prepare_checks(r);
      prepare_vectors(r);
      if (is_x87(load<u16>(r + R_OP))) with_x87 = true;
    }
  }
  choose_vector_locals();
  return mask;
}

/** See call_core for the last parameter. */
function type(parameters: u32, count: u32, results: u32, result: u32 = I32): void {
  byte(0x60);
  uleb(count + 1);
  for (let i: u32 = 0; i < count; i++) byte((parameters >> i) & 1 ? I64 : I32);
  byte(V128);
  uleb(results);
  if (results) byte(result);
}

/** The type of a function of a region. */
function region_type(): void {
  byte(0x60);
  uleb(1);
  byte(I32);
  uleb(1);
  byte(I32);
}

/** The type of imported function `f`: bit n of the parameters says that parameter n is 64 bits wide. */
function type_of(f: u32): void {
  switch (f) {
    case F_READ:
    case F_MODIFY:
      return type(0b1010, 4, 1);
    case F_WRITE:
    case F_PUSH:
    case F_STRING:
      return type(0b10110, 5, 1);
    case F_CALL:
      return type(0b101110, 6, 1);
    case F_FINISH:
      return type(0b100, 3, 1);
    case F_RECORD:
      return type(0, 5, 1);
    case F_LIGHT:
    case F_FLOAT:
    case F_COMPARE:
      return type(0, 4, 1);
    case F_CONDITION:
      return type(0, 2, 1);
    case F_CARRY:
    case F_ZERO_PRODUCT:
      return type(0, 2, 0);
    case F_HIGH:
      return type(0b11, 2, 1, I64);
    case F_OVERFLOW:
      return type(0b11, 2, 1);
    case F_X87:
    case F_X87_SETTLE:
      return type(0, 3, 1);
    case F_X87_ONE:
      return type(0b0010, 4, 1, I64);
    case F_X87_COMPARE:
    case F_X87_SUM:
    case F_X87_PRODUCT:
    case F_X87_QUOTIENT:
    case F_X87_SUM64:
      return type(0b01010, 5, 1, I64);
    case F_X87_PRODUCT64:
      return type(0b1010, 4, 1, I64);
    default:
      return type(0, 1, 1);
  }
}

/** Type n is that of function n. */
function write_types(): void {
  byte(1);
  const size = size_field();
  uleb(IMPORTED + 1);
  for (let f: u32 = 0; f < IMPORTED; f++) type_of(f);
  region_type();
  patch(size);
}

/** "e"."m" is the memory, "e"."0" and so on are the functions. */
function write_imports(): void {
  byte(2);
  const size = size_field();
  uleb(IMPORTED + 1);
  name(0x65, 1);
  name(0x6d, 1);
  byte(2);
  byte(3);
  uleb(1);
  uleb(65536);
  for (let f: u32 = 0; f < IMPORTED; f++) {
    name(0x65, 1);
    if (f < 10) name(0x30 + f, 1);
    else name((0x30 + f / 10) | ((0x30 + (f % 10)) << 8), 2);
    byte(0);
    uleb(f);
  }
  patch(size);
}

function write_module(v: u32, is_64: bool): void {
  byte(0);
  byte(0x61);
  byte(0x73);
  byte(0x6d);
  byte(1);
  byte(0);
  byte(0);
  byte(0);
  write_types();
  write_imports();
  byte(3);
  let size = size_field();
  uleb(1);
  uleb(IMPORTED);
  patch(size);
  byte(7);
  size = size_field();
  uleb(1);
  name(0x30, 1);
  byte(0);
  uleb(IMPORTED);
  patch(size);
  const code = here();
  byte(10);
  size = size_field();
  uleb(1);
  write_function(v, is_64);
  patch(size);
  move_places(insert_hints(code, IMPORTED));
}

function write_function(v: u32, is_64: bool): void {
  const body = size_field();
  const area = v - VCPU_PAGE + VCPU_JIT;
  begin_hints(area + JIT_HINTS, area + JIT_PLACES);
  const known = registers(v);
  uleb(3 + VECTOR_GROUPS + (with_x87 ? 2 : 0));
  uleb(I32_LOCALS);
  byte(I32);
  uleb(I64_LOCALS);
  byte(I64);
  uleb(CODE_LOCALS);
  byte(is_64 ? I64 : I32);
  declare_vector_locals();
  if (with_x87) {
    uleb(X87_LOCALS);
    byte(I32);
    uleb(X87_LOCALS);
    byte(I64);
  }
  begin_x87(v, behind_vector_locals());
  note_place(PLACE_ENTRY, 0);
  enter(is_64, known);
  reload_vector_state();
  assume_flags(FLAGS_UNKNOWN);
  emit_tree(v, 0);
  note_place(PLACE_EXIT, 0);
  leave();
  patch(body);
}

/**
 * Compiles the region that begins with the decoded block `b` at `rip`: its number, 0 when it cannot be compiled. Meanwhile the vCPU
 * stands, so the caller goes back to where requests are served before the guest goes on.
 */
export function compile_region(v: u32, b: u32, rip: u64): u32 {
  const mode = load<u32>(b + B_MODE);
  const is_64 = (mode & MODE_SIZE) == MODE_64;
  if (!is_64 && (mode & MODE_FLAT) == 0) return 0;
  find_region(v, b, rip);
  begin_records(v);
  const code = v - VCPU_PAGE + VCPU_JIT + JIT_CODE;
  begin(code, v - VCPU_PAGE + VCPU_JIT + JIT_CODE_END);
  begin_places(v, code);
  write_module(v, is_64);
  if (overflowed() || records_full()) return 0;
  const bytes = here() - code;
  make_room(v, bytes);
  // A millisecond or more, in which another vCPU may want all others to stand.
  stand(v);
  const slot = host_compile(v, code, bytes);
  resume(v);
  if (slot == 0) return 0;
  const number = add_region(v, load<u32>(b + B_HVA), mode, slot, bytes);
  for (let n: u32 = 0; n < pages_count(); n++) {
    if (page_lines(n) != 0) add_page(v, number, page_hva(n), page_lines(n));
  }
  end_records(v, number);
  const made = region(v, number);
  store<u64>(made + REGION_RIP, rip);
  store<u16>(made + REGION_COUNT, instruction_count() as u16);
  store<u8>(made + REGION_BLOCKS, node_count() as u8);
  note_made(v, number, made, code, bytes, places_count());
  return number;
}
