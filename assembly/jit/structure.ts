// A region's control flow as Wasm's: a node's dominator tree becomes nested blocks and loops (Ramsey, "Beyond Relooper", 2022).
// A node with several ways into it follows a block, one that is gone back to heads a loop, any other stands where its only
// way comes from. Each loop looks at requests and the budget whenever it begins anew.

import { B_BYTES, BLOCK_HEADER, R_OP, R_SEG, RECORD_SIZE } from '../abi/insn';
import { NODE_BLOCK, NODE_DELTA, NODE_FORWARD, NODE_IS_HEADER, NONE, PLACE_LOOP } from '../abi/jit';
import {
  OP_CALL,
  OP_CALL_RM,
  OP_END,
  OP_JCC,
  OP_JMP,
  OP_JMP_RM,
  OP_PACKED,
  OP_RET,
  OP_X87,
} from '../abi/ops';
import { V_REQUESTS } from '../abi/vcpu_page';
import { assume_flags, FLAGS_UNKNOWN, known_flags, merged_flags, push_condition } from './flags';
import { close, exit_behind, exit_to, exit_to_local, get, go, open, retire, settle_registers } from './frame';
import { unlikely } from './hints';
import { emit } from './instructions';
import { interpret } from './interpret';
import { emit_light } from './light';
import { L_A64, L_BUDGET, L_V } from './locals';
import { is_plain } from './operands';
import { page_of } from './pages';
import { note_instruction, note_place } from './places';
import {
  branch_delta,
  dominator_of,
  has_edge,
  in_order,
  instruction_count,
  node_at,
  node_of,
  place_of,
  reached_count,
  return_at,
  returns_count,
} from './region';
import { begin_instruction, delta_of } from './registers';
import {
  push_is_elsewhere,
  push_is_place,
  push_return_address,
  set_place,
  take_return,
  take_target,
} from './targets';
import { BLOCK, byte, EMPTY, I32_LOAD, I32_LT_S, I32_OR, IF, i32_const, LOOP, memory_op } from './wasm';
import { settle_x87 } from './x87_look';
import { assume_x87, forget_x87, join_x87, known_x87, note_x87, pass_x87, values_x87 } from './x87_state';

/** Where a node's labels are, in the part of NODE_SIZE that region.ts leaves free. */
const LABEL_BLOCK: u32 = 112;
const LABEL_LOOP: u32 = 116;
/** What is known of the flags on all forward ways into the node, see merged_flags. */
const MERGED_FLAGS: u32 = 120;

/** Not every way to node `n` has come through the page of node `to`, whose translation must so be looked at. */
function must_look(n: u32, to: u32): bool {
  const page = page_of(load<i32>(node_at(to) + NODE_DELTA));
  while (n != 0 && page_of(load<i32>(node_at(n) + NODE_DELTA)) != page) n = dominator_of(n);
  return page_of(load<i32>(node_at(n) + NODE_DELTA)) != page;
}

/** Goes from node `n`, `retired` instructions of which are not counted yet, to the place `delta` bytes behind the entry. */
function branch(v: u32, n: u32, delta: i64, retired: u32): void {
  settle_registers();
  const to = node_of(delta);
  if (to == NONE || !has_edge(n, to)) return exit_behind(delta, retired);
  const at = node_at(to);
  if (must_look(n, to)) {
    push_is_elsewhere(load<i32>(at + NODE_DELTA));
    unlikely();
    open(IF, EMPTY);
    exit_behind(delta, retired);
    close();
  }
  if (retired) retire(retired);
  note_x87(at);
  if (place_of(to) <= place_of(n)) return go(load<u32>(at + LABEL_LOOP));
  if (load<u32>(at + NODE_FORWARD) > 1) {
    store<u32>(at + MERGED_FLAGS, merged_flags(load<u32>(at + MERGED_FLAGS)));
    return go(load<u32>(at + LABEL_BLOCK));
  }
  emit_tree(v, to);
}

/** Emits node `n` and what it dominates. */
export function emit_tree(v: u32, n: u32): void {
  const at = node_at(n);
  if (load<u32>(at + NODE_IS_HEADER) || load<u32>(at + NODE_FORWARD) > 1) join_x87(at);
  if (load<u32>(at + NODE_IS_HEADER) == 0) return emit_within(v, n);
  note_place(PLACE_LOOP, load<i32>(at + NODE_DELTA));
  store<u32>(at + LABEL_LOOP, open(LOOP, EMPTY));
  assume_flags(FLAGS_UNKNOWN);
  get(L_V);
  memory_op(I32_LOAD, V_REQUESTS);
  get(L_BUDGET);
  i32_const(instruction_count() as i32);
  byte(I32_LT_S);
  byte(I32_OR);
  unlikely();
  open(IF, EMPTY);
  exit_to(load<i32>(at + NODE_DELTA));
  close();
  emit_within(v, n);
  note_place(PLACE_LOOP, load<i32>(at + NODE_DELTA));
  close();
}

function is_merge_of(child: u32, n: u32): bool {
  return child != 0 && dominator_of(child) == n && load<u32>(node_at(child) + NODE_FORWARD) > 1;
}

/** The node's own code inside blocks whose ends the merges that it dominates follow, the nearest first. */
function emit_within(v: u32, n: u32): void {
  const last = reached_count() - 1;
  for (let i = last; i > place_of(n); i--) {
    const child = in_order(i);
    if (is_merge_of(child, n)) store<u32>(node_at(child) + LABEL_BLOCK, open(BLOCK, EMPTY));
  }
  emit_node(v, n);
  for (let i = place_of(n) + 1; i <= last; i++) {
    const child = in_order(i);
    if (!is_merge_of(child, n)) continue;
    close();
    assume_flags(load<u32>(node_at(child) + MERGED_FLAGS));
    emit_tree(v, child);
  }
}

/** Leaves behind the instruction in hand, which is counted not yet, for the address in L_A64. */
function leave_for_target(retired: u32): void {
  retire(retired + 1);
  exit_to_local(L_A64);
}

/** A branch record that ends its block. */
function end_with(v: u32, n: u32, r: u32, op: u32, retired: u32, delta: i32): void {
  switch (op) {
    case OP_JMP:
      return branch(v, n, branch_delta(delta, r), retired + 1);
    case OP_CALL:
      set_place(branch_delta(delta, r));
      push_return_address(r);
      return branch(v, n, branch_delta(delta, r), retired + 1);
    case OP_RET:
      return end_with_return(v, n, r, retired);
    case OP_CALL_RM:
      take_target(r);
      push_return_address(r);
      return leave_for_target(retired);
    default:
      take_target(r);
      return leave_for_target(retired);
  }
}

function end_with_return(v: u32, n: u32, r: u32, retired: u32): void {
  const place = delta_of(r);
  take_return(r);
  settle_registers();
  for (let i: u32 = 0; i < returns_count(); i++) {
    const to = node_of(return_at(i));
    if (!has_edge(n, to)) continue;
    push_is_place(return_at(i));
    open(IF, EMPTY);
    const flags = known_flags();
    const x87 = known_x87();
    const values = values_x87();
    branch(v, n, return_at(i), retired + 1);
    assume_flags(flags);
    assume_x87(x87, values);
    note_instruction(load<u32>(node_at(n) + NODE_BLOCK), r, place);
    close();
  }
  leave_for_target(retired);
}

/** What waits to be written goes into the vCPU page before branches, and before records that might look at it. */
function ends_x87(op: u32): bool {
  return (
    op >= OP_PACKED ||
    op == OP_END ||
    op == OP_JCC ||
    op == OP_JMP ||
    op == OP_CALL ||
    op == OP_RET ||
    op == OP_JMP_RM ||
    op == OP_CALL_RM
  );
}

function emit_node(v: u32, n: u32): void {
  const at = node_at(n);
  const b = load<u32>(at + NODE_BLOCK);
  const delta = load<i32>(at + NODE_DELTA);
  let r = b + BLOCK_HEADER;
  let retired: u32 = 0;
  let going = true;
  while (going) {
    const op: u32 = load<u16>(r + R_OP);
    begin_instruction(v, delta, retired);
    // The end of a block belongs to the instruction before it.
    if (op != OP_END) note_instruction(b, r, delta_of(r));
    if (ends_x87(op)) settle_x87();
    if (op >= OP_PACKED) forget_x87();
    // Their slow ways are many, and each would have to store what is pending.
    if (op >= OP_X87) settle_registers();
    if (op == OP_END) {
      branch(v, n, delta + (load<u32>(b + B_BYTES) as i32), retired);
      going = false;
    } else if (
      op == OP_JMP ||
      op == OP_CALL ||
      op == OP_RET ||
      ((op == OP_JMP_RM || op == OP_CALL_RM) && is_plain(r))
    ) {
      end_with(v, n, r, op, retired, delta);
      going = false;
    } else if (op == OP_JCC) {
      settle_registers();
      push_condition(load<u8>(r + R_SEG));
      open(IF, EMPTY);
      const flags = known_flags();
      const x87 = known_x87();
      const values = values_x87();
      branch(v, n, branch_delta(delta, r), retired + 1);
      assume_flags(flags);
      assume_x87(x87, values);
      begin_instruction(v, delta, retired);
      note_instruction(b, r, delta_of(r));
      close();
    } else if (!emit(v, r)) {
      settle_x87();
      pass_x87(op);
      if (!emit_light(r)) interpret(v, r, retired, delta);
    }
    retired++;
    r += RECORD_SIZE;
  }
}
