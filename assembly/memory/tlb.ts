// The software TLB of a vCPU: flushing and filling. The look-up itself is inlined where it is needed.
import {
  PAGE_HOLDS_CODE,
  TLB_ADDEND,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_EXEC_ENTRY_SIZE,
  TLB_EXEC_STRIDE,
  TLB_FLAGS,
  TLB_GLOBAL,
  TLB_MODE_STRIDE,
  TLB_MODES,
  TLB_NONE,
  TLB_READ,
  TLB_WRITE,
  VCPU_PAGE,
  VCPU_TLB,
  VCPU_TLB_EXEC,
} from '../abi/map';
import { page_flags } from './slots';

/** Address of the data array of a TLB mode. */
export function tlb_array(v: u32, mode: u32): u32 {
  return v - VCPU_PAGE + VCPU_TLB + mode * TLB_MODE_STRIDE;
}

/** Address of the execute entry that `la` falls on; `user` is 0 or 1. */
export function exec_entry(v: u32, la: u64, user: u32): u32 {
  return (
    v -
    VCPU_PAGE +
    VCPU_TLB_EXEC +
    user * TLB_EXEC_STRIDE +
    (((la >> 12) as u32) & (TLB_ENTRIES - 1)) * TLB_EXEC_ENTRY_SIZE
  );
}

/** Empties everything, global entries too. */
export function flush_tlb(v: u32): void {
  memory.fill(tlb_array(v, 0), 0xff, TLB_MODES * TLB_MODE_STRIDE);
  memory.fill(v - VCPU_PAGE + VCPU_TLB_EXEC, 0xff, 2 * TLB_EXEC_STRIDE);
}

/** MOV to CR3: everything but global pages. */
export function flush_tlb_nonglobal(v: u32): void {
  const end = tlb_array(v, TLB_NONE);
  for (let e = tlb_array(v, 0); e < end; e += TLB_ENTRY_SIZE) {
    if ((load<u32>(e + TLB_FLAGS) & TLB_GLOBAL) == 0 || load<u64>(e) == u64.MAX_VALUE) {
      store<u64>(e + TLB_READ, u64.MAX_VALUE);
      store<u64>(e + TLB_WRITE, u64.MAX_VALUE);
    }
  }
  const exec = v - VCPU_PAGE + VCPU_TLB_EXEC;
  for (let e = exec; e < exec + 2 * TLB_EXEC_STRIDE; e += TLB_EXEC_ENTRY_SIZE) {
    if ((load<u32>(e + 12) & TLB_GLOBAL) == 0) store<u64>(e, u64.MAX_VALUE);
  }
}

/** INVLPG: the entries of one page, in every mode. */
export function flush_page(v: u32, la: u64): void {
  const index = ((la >> 12) as u32) & (TLB_ENTRIES - 1);
  for (let mode: u32 = 0; mode < TLB_NONE; mode++) {
    const e = tlb_array(v, mode) + index * TLB_ENTRY_SIZE;
    store<u64>(e + TLB_READ, u64.MAX_VALUE);
    store<u64>(e + TLB_WRITE, u64.MAX_VALUE);
  }
  store<u64>(exec_entry(v, la, 0), u64.MAX_VALUE);
  store<u64>(exec_entry(v, la, 1), u64.MAX_VALUE);
}

/** Empties the write side: the next store to each page takes the slow path, which marks the dirty log. */
export function flush_tlb_writes(v: u32): void {
  const end = tlb_array(v, TLB_NONE);
  for (let e = tlb_array(v, 0); e < end; e += TLB_ENTRY_SIZE) store<u64>(e + TLB_WRITE, u64.MAX_VALUE);
}

/** Fills the data entry of a page in the array `table`; `write` only for pages whose stores need no further look. */
export function fill_data(v: u32, table: u32, la: u64, hva: u32, write: bool, global: bool): void {
  if (table == tlb_array(v, TLB_NONE)) return;
  const page = la & ~0xfff;
  const e = table + (((la >> 12) as u32) & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE;
  store<u64>(e + TLB_READ, page);
  store<u64>(e + TLB_WRITE, write && (page_flags(hva) & PAGE_HOLDS_CODE) == 0 ? page : u64.MAX_VALUE);
  store<u32>(e + TLB_ADDEND, (hva & ~0xfff) - (page as u32));
  store<u32>(e + TLB_FLAGS, global ? TLB_GLOBAL : 0);
}

export function fill_exec(v: u32, la: u64, user: u32, hva: u32, global: bool): void {
  const page = la & ~0xfff;
  const e = exec_entry(v, la, user);
  store<u64>(e, page);
  store<u32>(e + 8, (hva & ~0xfff) - (page as u32));
  store<u32>(e + 12, global ? TLB_GLOBAL : 0);
}
