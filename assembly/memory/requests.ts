// Requests between vCPUs: bits in V_REQUESTS, acknowledged by being cleared, and the wait for them. A vCPU that is out
// of the core has acknowledged everything: it looks at its requests before it runs an instruction.
import { VM_EXCLUSIVE_OWNER, VM_PAGE } from '../abi/map';
import {
  REQ_EXCLUSIVE,
  REQ_FLUSH_TLB,
  REQ_FLUSH_WRITE_TLB,
  V_REQUESTS,
  V_STATE,
  VCPU_IN,
  VCPU_PARKED,
} from '../abi/vcpu_page';
import { watch } from '../state/sleep';
import { first_vcpu, is_alone, next_vcpu, vcpu_page } from '../state/vcpu';
import { flush_tlb, flush_tlb_writes } from './tlb';

const WAIT_NS: i64 = 100000;
/** One for all VMs of the memory. */
const EXCLUSIVE_OWNER: u32 = VM_PAGE + VM_EXCLUSIVE_OWNER;

/**
 * Inside an instruction: gives up the write entries if that is asked, so that two vCPUs never wait for each other; true when it
 * was. An address that the instruction has translated for a store is void then. A full flush waits for the block edge: what
 * has been translated lies in a slot until then.
 */
function serve_write_flush(v: u32): bool {
  if ((atomic.load<u32>(v + V_REQUESTS) & REQ_FLUSH_WRITE_TLB) == 0) return false;
  flush_tlb_writes(v);
  atomic.and<u32>(v + V_REQUESTS, ~REQ_FLUSH_WRITE_TLB);
  atomic.notify(v + V_REQUESTS, -1);
  return true;
}

/** At a block edge: performs the flushes that are asked of this vCPU. */
export function serve_flushes(v: u32): void {
  const requests = atomic.load<u32>(v + V_REQUESTS);
  if (requests & REQ_FLUSH_TLB) {
    flush_tlb(v);
    atomic.and<u32>(v + V_REQUESTS, ~(REQ_FLUSH_TLB | REQ_FLUSH_WRITE_TLB));
    atomic.notify(v + V_REQUESTS, -1);
  } else if (requests & REQ_FLUSH_WRITE_TLB) {
    flush_tlb_writes(v);
    atomic.and<u32>(v + V_REQUESTS, ~REQ_FLUSH_WRITE_TLB);
    atomic.notify(v + V_REQUESTS, -1);
  }
}

/** Asks every other vCPU of the memory to forget its write entries, and waits until none has one. */
export function flush_other_writes(v: u32): void {
  if (is_alone(v)) return;
  for (let other = first_vcpu(); other != 0; other = next_vcpu(other)) {
    if (other != v) atomic.or<u32>(other + V_REQUESTS, REQ_FLUSH_WRITE_TLB);
  }
  for (let other = first_vcpu(); other != 0; other = next_vcpu(other)) {
    if (other != v) wait_for_flush(v, other);
  }
}

function wait_for_flush(v: u32, other: u32): void {
  while (atomic.load<u32>(other + V_STATE) == VCPU_IN) {
    const requests = atomic.load<u32>(other + V_REQUESTS);
    if ((requests & REQ_FLUSH_WRITE_TLB) == 0) return;
    serve_write_flush(v);
    watch(other + V_REQUESTS, requests, WAIT_NS);
  }
}

/**
 * Stops every other vCPU of the memory at a block edge, for what Wasm atomics cannot do (split locks, CMPXCHG16B). False
 * when another vCPU holds the right, or when the write entries were asked back meanwhile: the instruction starts again.
 */
export function exclusive_begin(v: u32): bool {
  if (is_alone(v)) return true;
  if (atomic.cmpxchg<u32>(EXCLUSIVE_OWNER, 0, v) != 0) return false;
  for (let other = first_vcpu(); other != 0; other = next_vcpu(other)) {
    if (other != v) atomic.or<u32>(other + V_REQUESTS, REQ_EXCLUSIVE);
  }
  let flushed = false;
  for (let other = first_vcpu(); other != 0; other = next_vcpu(other)) {
    while (other != v && atomic.load<u32>(other + V_STATE) == VCPU_IN) {
      if (serve_write_flush(v)) flushed = true;
      watch(other + V_STATE, VCPU_IN, WAIT_NS);
    }
  }
  if (flushed) exclusive_end(v);
  return !flushed;
}

export function exclusive_end(v: u32): void {
  if (atomic.load<u32>(EXCLUSIVE_OWNER) != v) return;
  for (let other = first_vcpu(); other != 0; other = next_vcpu(other)) {
    if (other != v) atomic.and<u32>(other + V_REQUESTS, ~REQ_EXCLUSIVE);
  }
  atomic.store<u32>(EXCLUSIVE_OWNER, 0);
  atomic.notify(EXCLUSIVE_OWNER, -1);
}

/**
 * Before something that takes long, where nothing of guest memory or translations is in hand: others need not wait for this vCPU
 * until `resume`, whose caller looks at the requests before the guest goes on.
 */
export function stand(v: u32): void {
  atomic.store<u32>(v + V_STATE, VCPU_PARKED);
  atomic.notify(v + V_STATE, -1);
}

/** The end of `stand`. Whoever asks from now on waits; what was asked before is seen by the next look at the requests. */
export function resume(v: u32): void {
  atomic.store<u32>(v + V_STATE, VCPU_IN);
  atomic.fence();
}

/**
 * At a block edge: waits while another vCPU holds the exclusive right. The request is cleared before the owner is looked
 * at: a new owner's request that comes later stays, and is served next.
 */
export function park_for_exclusive(v: u32): void {
  for (;;) {
    atomic.and<u32>(v + V_REQUESTS, ~REQ_EXCLUSIVE);
    const owner = atomic.load<u32>(EXCLUSIVE_OWNER);
    if (owner == 0 || owner == v) return;
    stand(v);
    watch(EXCLUSIVE_OWNER, owner, WAIT_NS * 10);
    resume(v);
  }
}

/**
 * Inside an instruction that holds no translation: vCPUs of this VM, named by a bit each, forget their TLBs before the
 * guest goes on; `v` itself at its next block edge. While it waits it stands as parked, so that nobody waits for it.
 */
export function flush_vcpus(v: u32, ids: u32): void {
  for (let left = ids; left != 0; left &= left - 1)
    atomic.or<u32>(vcpu_page(ctz<u32>(left)) + V_REQUESTS, REQ_FLUSH_TLB);
  stand(v);
  for (let left = ids; left != 0; left &= left - 1) {
    const other = vcpu_page(ctz<u32>(left));
    while (other != v && atomic.load<u32>(other + V_STATE) == VCPU_IN) {
      const requests = atomic.load<u32>(other + V_REQUESTS);
      if ((requests & REQ_FLUSH_TLB) == 0) break;
      watch(other + V_REQUESTS, requests, WAIT_NS);
    }
  }
  resume(v);
}
