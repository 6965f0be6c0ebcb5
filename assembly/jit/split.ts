// The split form of a region: a function for each block, in reverse postorder, behind those that are imported. Between blocks all of
// the state is in the vCPU page; who goes back looks at requests and the budget first. Floating point and vectors are the core's.

import { B_BYTES, BLOCK_HEADER, FLOW_BRANCH, R_IMM, R_OP, R_SEG, RECORD_SIZE } from '../abi/insn';
import { LOCALS_MAX, NODE_BLOCK, NODE_DELTA, NONE, PLACE_ENTRY, PLACE_EXIT, PLACE_LOOP } from '../abi/jit';
import { OP_CALL, OP_CALL_RM, OP_END, OP_FWAIT, OP_JCC, OP_JMP, OP_JMP_RM, OP_RET, OP_X87 } from '../abi/ops';
import { V_REQUESTS, V_RIP } from '../abi/vcpu_page';
import { is_memory } from './addresses';
import { assume_flags, begin_flags, known_flags, push_condition, settle_flags } from './flags';
import { declare_locals } from './form';
import { close, enter, get, is_wide, leave, open, push_rip, push_told, retire, set } from './frame';
import { emit } from './instructions';
import { interpret } from './interpret';
import { emit_light } from './light';
import { IMPORTED, L_A64, L_B32, L_B64, L_BUDGET, L_V } from './locals';
import {
  is_plain,
  move_stack,
  push_memory,
  push_return,
  push_rm,
  reach_operand,
  reach_stack,
} from './operands';
import { move_places, note_instruction, note_place, places_count } from './places';
import {
  branch_delta,
  has_edge,
  in_order,
  instruction_count,
  node_at,
  node_of,
  place_of,
  reached_count,
} from './region';
import { begin_instruction, delta_of, next_delta } from './registers';
import { check_canonical } from './structure';
import {
  append,
  byte,
  EMPTY,
  here,
  I32_LOAD,
  I32_LT_S,
  I32_OR,
  I64_EXTEND_U,
  I64_STORE,
  IF,
  i32_const,
  memory_op,
  op1,
  patch,
  RETURN,
  RETURN_CALL,
  rewind,
  size_field,
} from './wasm';

/** Room for a function's size and locals, until they are known. */
const HEAD: u32 = LOCALS_MAX;

/** Leaves behind a branch for the place `delta` bytes behind the entry; the vCPU page has the flags. */
function leave_for(delta: i32, retired: u32): void {
  push_told(delta, retired);
  byte(RETURN);
}

/** Leaves behind a branch for the address in L_A64. */
function leave_for_local(retired: u32): void {
  settle_flags();
  retire(retired);
  get(L_V);
  get(L_A64);
  memory_op(I64_STORE, V_RIP);
  i32_const(FLOW_BRANCH);
  byte(RETURN);
}

/** Goes from node `n`, `retired` instructions of which are not counted yet, to the place `delta` bytes behind the entry. */
function branch(n: u32, delta: i32, retired: u32): void {
  const to = node_of(delta);
  if (to == NONE || !has_edge(n, to)) return leave_for(delta, retired);
  if (retired) retire(retired);
  if (place_of(to) <= place_of(n)) {
    note_place(PLACE_LOOP, delta);
    get(L_V);
    memory_op(I32_LOAD, V_REQUESTS);
    get(L_BUDGET);
    i32_const(instruction_count() as i32);
    byte(I32_LT_S);
    byte(I32_OR);
    open(IF, EMPTY);
    leave_for(delta, 0);
    close();
  }
  get(L_V);
  op1(RETURN_CALL, IMPORTED + place_of(to));
}

/** Pushes the return address and goes to `target` (a delta), or to what is in L_A64. */
function call(n: u32, r: u32, retired: u32, target: i32, to_local: bool): void {
  const value = is_wide() ? L_B64 : L_B32;
  push_rip(next_delta(r));
  set(value);
  if (!to_local) {
    push_rip(target);
    if (!is_wide()) byte(I64_EXTEND_U);
    set(L_A64);
  }
  push_return(r, value, L_A64);
  if (to_local) return leave_for_local(retired + 1);
  settle_flags();
  branch(n, target, retired + 1);
}

/** A branch record that ends its block. */
function end_with(n: u32, r: u32, op: u32, retired: u32, delta: i32): void {
  if (op == OP_CALL) return call(n, r, retired, branch_delta(delta, r), false);
  if (op == OP_JMP) {
    settle_flags();
    return branch(n, branch_delta(delta, r), retired + 1);
  }
  if (op == OP_RET) {
    reach_stack(r);
    push_memory(is_wide() ? 3 : 2);
  } else {
    if (is_memory(r)) reach_operand(r);
    push_rm(r, is_wide() ? 3 : 2);
  }
  if (!is_wide()) byte(I64_EXTEND_U);
  set(L_A64);
  check_canonical(r, retired);
  if (op == OP_CALL_RM) return call(n, r, retired, 0, true);
  if (op == OP_RET) move_stack((is_wide() ? 8 : 4) + load<i32>(r + R_IMM));
  leave_for_local(retired + 1);
}

function is_integer(op: u32): bool {
  return op < OP_X87 && op != OP_FWAIT;
}

function emit_block(v: u32, n: u32): void {
  const b = load<u32>(node_at(n) + NODE_BLOCK);
  const delta = load<i32>(node_at(n) + NODE_DELTA);
  let r = b + BLOCK_HEADER;
  let retired: u32 = 0;
  let going = true;
  while (going) {
    const op: u32 = load<u16>(r + R_OP);
    begin_instruction(v, delta, retired);
    if (op != OP_END) note_instruction(b, r, delta_of(r));
    if (op == OP_END) {
      settle_flags();
      branch(n, delta + (load<u32>(b + B_BYTES) as i32), retired);
      going = false;
    } else if (
      op == OP_JMP ||
      op == OP_CALL ||
      op == OP_RET ||
      ((op == OP_JMP_RM || op == OP_CALL_RM) && is_plain(r))
    ) {
      end_with(n, r, op, retired, delta);
      going = false;
    } else if (op == OP_JCC) {
      push_condition(load<u8>(r + R_SEG));
      settle_flags();
      open(IF, EMPTY);
      const flags = known_flags();
      branch(n, branch_delta(delta, r), retired + 1);
      assume_flags(flags);
      close();
      note_instruction(b, r, delta_of(r));
    } else if (!is_integer(op) || !emit(v, r)) {
      if (!emit_light(r)) interpret(v, r, retired, delta);
    }
    retired++;
    r += RECORD_SIZE;
  }
}

/** The functions' sizes, locals and code; they are `reached_count` many. */
export function emit_functions(v: u32, is_64: bool): void {
  for (let place: u32 = 0; place < reached_count(); place++) {
    const start = here();
    for (let i: u32 = 0; i < HEAD; i++) byte(0);
    const places = places_count();
    note_place(PLACE_ENTRY, 0);
    enter(is_64, 0);
    begin_flags();
    emit_block(v, in_order(place));
    note_place(PLACE_EXIT, 0);
    leave();
    const bytes = here() - start - HEAD;
    rewind(bytes + HEAD);
    const size = size_field();
    declare_locals();
    move_places(places, start + HEAD - here());
    append(start + HEAD, bytes);
    patch(size);
  }
}
