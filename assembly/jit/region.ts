// The blocks of a region and how control goes between them: nodes, edges, reverse postorder and dominators. It emits nothing.
//
// A region has one entry. Its nodes are decoded blocks of the entry's page; whatever leads elsewhere leaves the region. Edges
// that would make the graph irreducible are taken out of it, and leave the region too.

import {
  B_BYTES,
  B_COUNT,
  B_HEAT,
  B_HVA,
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
  NODE_IS_HEADER,
  NODE_ORDER,
  NODE_SIZE,
  NODES_MAX,
  NONE,
  RETURNS_MAX,
} from '../abi/jit';
import { VCPU_JIT, VCPU_PAGE } from '../abi/map';
import { OP_CALL, OP_END, OP_JCC, OP_JMP, OP_RET } from '../abi/ops';
import { block_beside, decoded_block, first_heat } from '../decode/block';
import { lines_of } from '../memory/code_marks';
import { find_choice, has_chosen, tell_choice } from './choices';

/** Instructions of a region at most. */
const INSTRUCTIONS_MAX: u32 = 100;
/** A block that is entered once while the entry is entered so often stays out of the region. */
const COLD: i32 = 16;

let nodes: u32 = 0;
let order: u32 = 0;
let count: u32 = 0;
let reached: u32 = 0;
let instructions: u32 = 0;
let returns: u32 = 0;
let return_count: u32 = 0;
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

/** Lines of the page of the entry block that its region is made of. */
export function region_lines(entry: u32): u64 {
  let lines: u64 = 0;
  for (let n: u32 = 0; n < count; n++) {
    lines |= lines_of(
      load<u32>(entry + B_HVA) + load<i32>(node_at(n) + NODE_DELTA),
      load<u32>(load<u32>(node_at(n) + NODE_BLOCK) + B_BYTES),
    );
  }
  return lines;
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
export function node_of(delta: i32): u32 {
  for (let n: u32 = 0; n < count; n++) {
    if (load<i32>(node_at(n) + NODE_DELTA) == delta) return n;
  }
  return NONE;
}

/** Where the branch record `r` of a block at `delta` goes to, in bytes behind the entry. */
export function branch_delta(delta: i32, r: u32): i32 {
  return delta + (load<u16>(r + R_OFF) as i32) + (load<u8>(r + R_LEN) as i32) + load<i32>(r + R_DISP);
}

/** The block has been entered so seldom that its code would cost more than leaving the region for it. */
function is_cold(b: u32): bool {
  const start = first_heat();
  return (load<i32>(b + B_HEAT) - start) * COLD < HEAT_LIMIT - start;
}

/** The block `delta` bytes behind the entry, 0 if it shall not be in the region: what another vCPU has chosen, or what is decoded and warm. */
function choose(v: u32, entry: u32, delta: i32): u32 {
  const hva = load<u32>(entry + B_HVA) + delta;
  const mode = load<u32>(entry + B_MODE);
  if ((hva ^ load<u32>(entry + B_HVA)) & ~0xfff) return 0;
  if (choice) return has_chosen(choice, delta) ? block_beside(v, hva, mode, delta) : 0;
  const b = decoded_block(v, hva, mode);
  return b == 0 || is_cold(b) ? 0 : b;
}

/** The node at `delta`: one that exists, or one made of a block of the same page, or NONE. */
function find_node(v: u32, entry: u32, delta: i32): u32 {
  let to = node_of(delta);
  if (to == NONE) {
    const b = count == NODES_MAX ? 0 : choose(v, entry, delta);
    if (b == 0 || instructions + load<u32>(b + B_COUNT) > INSTRUCTIONS_MAX) return NONE;
    to = add_node(b, delta);
  }
  return to;
}

/** An edge from node `n`: one for each of its branches, so that what several lead to is emitted once. */
function connect(n: u32, to: u32): void {
  if (to == NONE) return;
  const at = node_at(n);
  const edges = load<u32>(at + NODE_EDGES);
  if (edges == EDGES_MAX) return;
  store<u32>(at + NODE_EDGE + edges * 4, to);
  store<u32>(at + NODE_EDGES, edges + 1);
}

function connect_node(v: u32, n: u32, entry: u32): void {
  const delta = load<i32>(node_at(n) + NODE_DELTA);
  const b = load<u32>(node_at(n) + NODE_BLOCK);
  let r = b + BLOCK_HEADER;
  let going = true;
  while (going) {
    const op: u32 = load<u16>(r + R_OP);
    if (op == OP_JCC || op == OP_JMP || op == OP_CALL)
      connect(n, find_node(v, entry, branch_delta(delta, r)));
    if (op == OP_CALL)
      add_return(v, entry, delta + (load<u16>(r + R_OFF) as i32) + (load<u8>(r + R_LEN) as i32));
    if (op == OP_END) connect(n, find_node(v, entry, delta + (load<u32>(b + B_BYTES) as i32)));
    going = op != OP_JMP && op != OP_CALL && op != OP_RET && op != OP_END;
    r += RECORD_SIZE;
  }
}

/** A call comes back to `delta`. */
function add_return(v: u32, entry: u32, delta: i32): void {
  if (return_count == RETURNS_MAX || find_node(v, entry, delta) == NONE) return;
  store<i32>(returns + return_count * 4, delta);
  return_count++;
}

/** Places that calls come back to. */
export function returns_count(): u32 {
  return return_count;
}
export function return_at(i: u32): i32 {
  return load<i32>(returns + i * 4);
}

/** A RET may go to wherever a call of the region comes back to. */
function connect_returns(n: u32): void {
  let r = first_record(n);
  while (load<u16>(r + R_OP) != OP_END) {
    if (load<u16>(r + R_OP) == OP_RET) {
      for (let i: u32 = 0; i < return_count; i++) connect(n, node_of(return_at(i)));
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

/** Finds the region whose entry is the decoded block `entry`. */
export function find_region(v: u32, entry: u32): void {
  nodes = v - VCPU_PAGE + VCPU_JIT + JIT_NODES;
  order = v - VCPU_PAGE + VCPU_JIT + JIT_ORDER;
  choice = find_choice(v, entry);
  count = 0;
  instructions = 0;
  add_node(entry, 0);
  returns = v - VCPU_PAGE + VCPU_JIT + JIT_RETURNS;
  return_count = 0;
  for (let n: u32 = 0; n < count; n++) connect_node(v, n, entry);
  for (let n: u32 = 0; n < count; n++) connect_returns(n);
  if (choice == 0) tell_choice(v, entry, nodes, count);
  do {
    number_nodes();
    find_dominators();
  } while (!classify());
}
