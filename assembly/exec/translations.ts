// Instructions about translations: INVLPG, INVPCID, the protection keys of PKRU, and CLFLUSH, which translates and does no more.
// What the TLB does is in memory/tlb.ts.

import { V_PKRU } from '../abi/fpu';
import { FLOW_FAULT, FLOW_NEXT, FLOW_STOP, R_REG, R_SEG } from '../abi/insn';
import { FS, SEG_BASE, V_CR4, V_GPR } from '../abi/vcpu_page';
import { CR4_PCIDE, CR4_PKE, GP, RAX, RCX, RDX, UD } from '../abi/x86';
import { extended_ebx } from '../cpu/cpuid';
import { privileged } from '../cpu/mode';
import { effective_address } from '../cpu/operands';
import { access_rights, load64 } from '../memory/access';
import { linear } from '../memory/segments';
import { flush_page, flush_pcid, flush_pcids, flush_tlb, set_pkru } from '../memory/tlb';
import { walk } from '../memory/walk';
import { faulted, raise, raise_code } from '../state/fault';
import { canonical, is_64, seg } from '../state/vcpu';

/** CPUID.7.0:EBX. */
const INVPCID: u32 = 1 << 10;
// What INVPCID invalidates: one address of a PCID, a PCID, everything, everything but global pages.
const INVPCID_ADDRESS: u64 = 0;
const INVPCID_CONTEXT: u64 = 1;
const INVPCID_ALL: u64 = 2;
const INVPCID_ALL_NONGLOBAL: u64 = 3;

/** A non-canonical address is no error and names no page (SDM vol. 2, INVLPG). */
export function invlpg(v: u32, r: u32): u32 {
  if (!privileged(v)) return FLOW_FAULT;
  const n = load<u8>(r + R_SEG);
  let la = effective_address(v, r);
  if (!is_64(v)) la = (la + load<u64>(seg(v, n) + SEG_BASE)) & 0xffffffff;
  else if (n >= FS) la += load<u64>(seg(v, n) + SEG_BASE);
  flush_page(v, la);
  return FLOW_STOP;
}

export function invpcid(v: u32, r: u32): u32 {
  if ((extended_ebx(v) & INVPCID) == 0) return raise(v, UD);
  if (!privileged(v)) return FLOW_FAULT;
  const type = is_64(v) ? load<u64>(load<u32>(r + R_REG)) : (load<u32>(load<u32>(r + R_REG)) as u64);
  if (type > INVPCID_ALL_NONGLOBAL) return raise_code(v, GP, 0);
  const at = linear(v, load<u8>(r + R_SEG), effective_address(v, r), 16, false);
  if (faulted(v)) return FLOW_FAULT;
  const pcid = load64(v, at);
  if (faulted(v)) return FLOW_FAULT;
  const la = load64(v, at + 8);
  if (faulted(v)) return FLOW_FAULT;
  if (pcid >> 12) return raise_code(v, GP, 0);
  if (type <= INVPCID_CONTEXT && pcid != 0 && (load<u32>(v + V_CR4) & CR4_PCIDE) == 0)
    return raise_code(v, GP, 0);
  if (type == INVPCID_ADDRESS && !canonical(la)) return raise_code(v, GP, 0);
  if (type == INVPCID_ADDRESS) flush_page(v, la);
  else if (type == INVPCID_CONTEXT) flush_pcid(v, pcid as u32);
  else if (type == INVPCID_ALL) flush_tlb(v);
  else flush_pcids(v);
  return FLOW_STOP;
}

/** CLFLUSH and CLFLUSHOPT: memory is coherent. They fault as the load of a byte does, but device memory is not read. */
export function clflush(v: u32, r: u32): u32 {
  const la = linear(v, load<u8>(r + R_SEG), effective_address(v, r), 1, false);
  if (faulted(v)) return FLOW_FAULT;
  return walk(v, la, access_rights(v)) ? FLOW_NEXT : FLOW_FAULT;
}

/** ECX must be 0, and CR4.PKE set. */
function may_use_pkru(v: u32): bool {
  if ((load<u32>(v + V_CR4) & CR4_PKE) == 0) {
    raise(v, UD);
    return false;
  }
  if (load<u32>(v + V_GPR + RCX * 8) == 0) return true;
  raise_code(v, GP, 0);
  return false;
}

export function rdpkru(v: u32): u32 {
  if (!may_use_pkru(v)) return FLOW_FAULT;
  store<u64>(v + V_GPR + RAX * 8, load<u32>(v + V_PKRU) as u64);
  store<u64>(v + V_GPR + RDX * 8, 0);
  return FLOW_NEXT;
}

export function wrpkru(v: u32): u32 {
  if (!may_use_pkru(v)) return FLOW_FAULT;
  if (load<u32>(v + V_GPR + RDX * 8) != 0) return raise_code(v, GP, 0);
  set_pkru(v, load<u32>(v + V_GPR + RAX * 8));
  return FLOW_STOP;
}
