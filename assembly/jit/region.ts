// The blocks of a region and how control goes between them: nodes, edges, reverse postorder and dominators. It emits nothing.
//
// A region has one entry. Its nodes are decoded blocks that are warm, of the entry's page and of others whose translation is
// known, and of functions that are called only those that are taken in whole; whatever leads elsewhere leaves the region. Edges that would
// make the graph irreducible are taken out of it, and leave the region too.

import {
  B_BYTES,
  B_COUNT,
  B_HEAT,
  B_MODE,
  BLOCK_HEADER,
  HEAT_LIMIT,
  R_DISP,
  R_LEN,
  R_OFF,
  R_OP,
  RECORD_SIZE,
} from '../abi/insn';
import {
  EDGES_MAX,
  JIT_NODES,
  JIT_ORDER,
  JIT_RETURNS,
  NODE_BLOCK,
  NODE_DELTA,
  NODE_DOMINATOR,
  NODE_EDGE,
  NODE_EDGES,
  NODE_FORWARD,
  NODE_FUNCTION,
  NODE_IS_CONNECTED,
  NODE_IS_HEADER,
  NODE_ORDER,
  NODE_SIZE,
  NODES_MAX,
  NONE,
  RETURNS_MAX,
} from '../abi/jit';
import { VCPU_JIT, VCPU_PAGE } from '../abi/map';
import { OP_CALL, OP_CALL_RM, OP_END, OP_JCC, OP_JMP, OP_JMP_RM, OP_RET } from '../abi/ops';
import { block_beside, decoded_block, first_heat } from '../decode/block';
import { find_choice, has_chosen, tell_choice } from './choices';
import { begin_pages, hva_at, reach_page, use_code } from './pages';

/** Instructions of a region at most. */
const INSTRUCTIONS_MAX: u32 = 100;
/** Instructions of a function at most that is taken in where it is called, with what it calls. */
const CALLEE_MAX: u32 = 30;
/** A block that is entered once while the entry is entered so often stays out of the region. */
const COLD: i32 = 16;

let nodes: u32 = 0;
let order: u32 = 0;
let count: u32 = 0;
let reached: u32 = 0;
let instructions: u32 = 0;
let returns: u32 = 0;
let return_count: u32 = 0;
/** There was no room for a block. */
let is_cut: bool = false;
/** What another vCPU has made of the entry, 0 = nothing. */
let choice: u32 = 0;

export function node_at(n: u32): u32 {
  return nodes + n * NODE_SIZE;
}

export function node_count(): u32 {
  return count;
}

/** Instructions of all nodes together: no way through the region without a repetition has more. */
export function instruction_count(): u32 {
  return instructions;
}

/** Nodes that the entry reaches. */
export function reached_count(): u32 {
  return reached;
}

/** The node at a place in reverse postorder. */
export function in_order(place: u32): u32 {
  return load<u32>(order + place * 4);
}

export function first_record(n: u32): u32 {
  return load<u32>(node_at(n) + NODE_BLOCK) + BLOCK_HEADER;
}

function add_node(b: u32, delta: i32): u32 {
  const n = node_at(count);
  memory.fill(n, 0, NODE_SIZE);
  store<u32>(n + NODE_BLOCK, b);
  store<i32>(n + NODE_DELTA, delta);
  instructions += load<u32>(b + B_COUNT);
  return count++;
}

/** The node whose code begins `delta` bytes behind the entry, NONE if there is none. */
export function node_of(delta: i64): u32 {
  for (let n: u32 = 0; n < count; n++) {
    if ((load<i32>(node_at(n) + NODE_DELTA) as i64) == delta) return n;
  }
  return NONE;
}

/** Where the branch record `r` of a block at `delta` goes to, in bytes behind the entry. */
export function branch_delta(delta: i32, r: u32): i64 {
  return (
    ((delta + (load<u16>(r + R_OFF) as i32) + (load<u8>(r + R_LEN) as i32)) as i64) +
    (load<i32>(r + R_DISP) as i64)
  );
}

/** The block has been entered so seldom that its code would cost more than leaving the region for it. */
function is_cold(b: u32): bool {
  const start = first_heat();
  return (load<i32>(b + B_HEAT) - start) * COLD < HEAT_LIMIT - start;
}

/** The block `delta` bytes behind the entry, 0 if it shall not be in the region: what another vCPU has chosen, or what is decoded and warm. */
function choose(v: u32, entry: u32, delta: i32): u32 {
  const mode = load<u32>(entry + B_MODE);
  if (choice && !has_chosen(choice, delta)) return 0;
  if (!reach_page(v, delta)) return 0;
  const hva = hva_at(delta);
  if (choice) return block_beside(v, hva, mode, delta);
  const b = decoded_block(v, hva, mode);
  return b == 0 || is_cold(b) ? 0 : b;
}

/** The node at `delta`: one that exists, or one made of a block, of the function of node `own`, which is NONE for one of its own; or NONE. */
function find_node(v: u32, entry: u32, delta: i64, own: u32): u32 {
  let to = node_of(delta);
  if (to != NONE || (delta as i32 as i64) != delta) return to;
  const b = choose(v, entry, delta as i32);
  if (b == 0) return NONE;
  if (count == NODES_MAX || instructions + load<u32>(b + B_COUNT) > INSTRUCTIONS_MAX) {
    is_cut = true;
    return NONE;
  }
  to = add_node(b, delta as i32);
  store<u32>(node_at(to) + NODE_FUNCTION, own == NONE ? to : own);
  return to;
}

/** An edge from node `n`: one for each of its branches, so that what several lead to is emitted once. False when there is none. */
function connect(n: u32, to: u32): bool {
  if (to == NONE) return false;
  const at = node_at(n);
  const edges = load<u32>(at + NODE_EDGES);
  if (edges == EDGES_MAX) return false;
  store<u32>(at + NODE_EDGE + edges * 4, to);
  store<u32>(at + NODE_EDGES, edges + 1);
  return true;
}

function behind(delta: i32, r: u32): i32 {
  return delta + (load<u16>(r + R_OFF) as i32) + (load<u8>(r + R_LEN) as i32);
}

/** Finds where node `n` leads to. False when its end leads out of the region always. */
function connect_node(v: u32, n: u32, entry: u32): bool {
  const at = node_at(n);
  const delta = load<i32>(at + NODE_DELTA);
  const b = load<u32>(at + NODE_BLOCK);
  const own = load<u32>(at + NODE_FUNCTION);
  store<u32>(at + NODE_IS_CONNECTED, 1);
  let r = b + BLOCK_HEADER;
  while (true) {
    const op: u32 = load<u16>(r + R_OP);
    if (op == OP_JCC) connect(n, find_node(v, entry, branch_delta(delta, r), own));
    if (op == OP_JMP) return connect(n, find_node(v, entry, branch_delta(delta, r), own));
    if (op == OP_CALL) return connect_call(v, n, entry, branch_delta(delta, r), behind(delta, r));
    if (op == OP_END) return connect(n, find_node(v, entry, delta + (load<u32>(b + B_BYTES) as i32), own));
    if (op == OP_RET) return true;
    if (op == OP_JMP_RM || op == OP_CALL_RM) return false;
    r += RECORD_SIZE;
  }
}

/** Node `n` ends with a call of `target` that comes back to `back`. */
function connect_call(v: u32, n: u32, entry: u32, target: i64, back: i32): bool {
  let to = node_of(target);
  if (to == NONE) to = take_callee(v, entry, target);
  if (!connect(n, to)) return false;
  const own = load<u32>(node_at(n) + NODE_FUNCTION);
  if (return_count == RETURNS_MAX || find_node(v, entry, back, own) == NONE) return false;
  const place = returns + return_count * 8;
  store<i32>(place, back);
  store<u32>(place + 4, load<u32>(node_at(to) + NODE_FUNCTION));
  return_count++;
  return true;
}

/**
 * The node of the function at `target`, with all of it that is warm; NONE, and nothing is changed, when that is too much or leads
 * out of the region: then it would be left within the function instead of at its call.
 */
function take_callee(v: u32, entry: u32, target: i64): u32 {
  const first = count;
  const before = instructions;
  const returns_before = return_count;
  const was_cut = is_cut;
  is_cut = false;
  let whole = find_node(v, entry, target, NONE) != NONE;
  for (let n = first; n < count && whole; n++) {
    if (load<u32>(node_at(n) + NODE_IS_CONNECTED) == 0) whole = connect_node(v, n, entry);
    whole = whole && !is_cut && instructions - before <= CALLEE_MAX;
  }
  is_cut = was_cut;
  if (whole) return first;
  count = first;
  instructions = before;
  return_count = returns_before;
  return NONE;
}

/** Places that calls come back to. */
export function returns_count(): u32 {
  return return_count;
}
export function return_at(i: u32): i32 {
  return load<i32>(returns + i * 8);
}

/** A RET goes to where the calls of its function come back to, as far as these are of the region. */
function connect_returns(n: u32): void {
  const own = load<u32>(node_at(n) + NODE_FUNCTION);
  let r = first_record(n);
  while (load<u16>(r + R_OP) != OP_END) {
    if (load<u16>(r + R_OP) == OP_RET) {
      for (let i: u32 = 0; i < return_count; i++) {
        const to = node_of(return_at(i));
        if (load<u32>(returns + i * 8 + 4) == own && !has_edge(n, to)) connect(n, to);
      }
    }
    r += RECORD_SIZE;
  }
}

/** Whether node `n` has an edge to node `to`. */
export function has_edge(n: u32, to: u32): bool {
  const at = node_at(n);
  const edges = load<u32>(at + NODE_EDGES);
  for (let i: u32 = 0; i < edges; i++) {
    if (load<u32>(at + NODE_EDGE + i * 4) == to) return true;
  }
  return false;
}

function postorder(n: u32, next: u32): u32 {
  const at = node_at(n);
  store<u32>(at + NODE_ORDER, 0);
  const edges = load<u32>(at + NODE_EDGES);
  for (let i: u32 = 0; i < edges; i++) {
    const to = load<u32>(at + NODE_EDGE + i * 4);
    if (load<u32>(node_at(to) + NODE_ORDER) == NONE) next = postorder(to, next);
  }
  store<u32>(order + next * 4, n);
  return next + 1;
}

/** Numbers the nodes that the entry reaches. */
function number_nodes(): void {
  for (let n: u32 = 0; n < count; n++) store<u32>(node_at(n) + NODE_ORDER, NONE);
  reached = postorder(0, 0);
  for (let i: u32 = 0; i < reached / 2; i++) {
    const a = load<u32>(order + i * 4);
    store<u32>(order + i * 4, load<u32>(order + (reached - 1 - i) * 4));
    store<u32>(order + (reached - 1 - i) * 4, a);
  }
  for (let i: u32 = 0; i < reached; i++) store<u32>(node_at(in_order(i)) + NODE_ORDER, i);
}

export function place_of(n: u32): u32 {
  return load<u32>(node_at(n) + NODE_ORDER);
}

export function dominator_of(n: u32): u32 {
  return load<u32>(node_at(n) + NODE_DOMINATOR);
}

function common_dominator(a: u32, b: u32): u32 {
  while (a != b) {
    while (place_of(a) > place_of(b)) a = dominator_of(a);
    while (place_of(b) > place_of(a)) b = dominator_of(b);
  }
  return a;
}

/** Immediate dominators, by going over the nodes in order until nothing changes. */
function find_dominators(): void {
  for (let n: u32 = 0; n < count; n++) store<u32>(node_at(n) + NODE_DOMINATOR, NONE);
  store<u32>(node_at(0) + NODE_DOMINATOR, 0);
  let changed = true;
  while (changed) {
    changed = false;
    for (let i: u32 = 1; i < reached; i++) {
      const n = in_order(i);
      let dominator = NONE;
      for (let j: u32 = 0; j < reached; j++) {
        const from = in_order(j);
        if (dominator_of(from) == NONE || !has_edge(from, n)) continue;
        dominator = dominator == NONE ? from : common_dominator(dominator, from);
      }
      if (dominator != dominator_of(n)) {
        store<u32>(node_at(n) + NODE_DOMINATOR, dominator);
        changed = true;
      }
    }
  }
}

function dominates(a: u32, n: u32): bool {
  while (place_of(n) > place_of(a)) n = dominator_of(n);
  return n == a;
}

/** Marks headers and counts forward edges. False when an edge had to go, so that all of it begins anew. */
function classify(): bool {
  for (let n: u32 = 0; n < count; n++) {
    store<u32>(node_at(n) + NODE_FORWARD, 0);
    store<u32>(node_at(n) + NODE_IS_HEADER, 0);
  }
  for (let i: u32 = 0; i < reached; i++) {
    const n = node_at(in_order(i));
    const edges = load<u32>(n + NODE_EDGES);
    for (let e: u32 = 0; e < edges; e++) {
      const to = load<u32>(n + NODE_EDGE + e * 4);
      if (place_of(to) > i) {
        store<u32>(node_at(to) + NODE_FORWARD, load<u32>(node_at(to) + NODE_FORWARD) + 1);
      } else if (dominates(to, in_order(i))) {
        store<u32>(node_at(to) + NODE_IS_HEADER, 1);
      } else {
        store<u32>(n + NODE_EDGE + e * 4, load<u32>(n + NODE_EDGE + (edges - 1) * 4));
        store<u32>(n + NODE_EDGES, edges - 1);
        return false;
      }
    }
  }
  return true;
}

/** Finds the region whose entry is the decoded block `entry`, at `rip`. */
export function find_region(v: u32, entry: u32, rip: u64): void {
  nodes = v - VCPU_PAGE + VCPU_JIT + JIT_NODES;
  order = v - VCPU_PAGE + VCPU_JIT + JIT_ORDER;
  choice = find_choice(v, entry);
  begin_pages(v, entry, rip);
  count = 0;
  instructions = 0;
  add_node(entry, 0);
  returns = v - VCPU_PAGE + VCPU_JIT + JIT_RETURNS;
  return_count = 0;
  for (let n: u32 = 0; n < count; n++) {
    if (load<u32>(node_at(n) + NODE_IS_CONNECTED) == 0) connect_node(v, n, entry);
  }
  for (let n: u32 = 0; n < count; n++) connect_returns(n);
  if (choice == 0) tell_choice(v, entry, nodes, count);
  do {
    number_nodes();
    find_dominators();
  } while (!classify());
  for (let place: u32 = 0; place < reached; place++) {
    const n = node_at(in_order(place));
    use_code(load<i32>(n + NODE_DELTA), load<u32>(load<u32>(n + NODE_BLOCK) + B_BYTES));
  }
}
