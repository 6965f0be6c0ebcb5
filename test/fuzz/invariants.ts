// What holds of a vCPU page whenever the vCPU stands, whatever the guest has done. Reads only.
import { V_FCW, V_FSW, V_FTAG, V_FTOP, V_MXCSR } from '../../assembly/abi/fpu.ts';
import {
  TLB_MODE_STRIDE,
  TLB_SMAP,
  VCPU_BLOCKS,
  VCPU_BLOCKS_END,
  VCPU_PAGE,
  VCPU_TLB_NONE,
} from '../../assembly/abi/map.ts';
import {
  ATTR_DB,
  ATTR_DPL_SHIFT,
  ATTR_L,
  CS,
  LF_DEC,
  MODE_32,
  MODE_64,
  MODE_REAL,
  MODE_SIZE,
  SEG_ATTR,
  SEG_STRIDE,
  SS,
  V_BLOCKS_TOP,
  V_CPL,
  V_CR0,
  V_CR4,
  V_EFER,
  V_FAULT,
  V_LEAVE,
  V_LF_KIND,
  V_MODE,
  V_RFLAGS,
  V_RIP,
  V_SEGS,
  V_STATE,
  V_TLB,
  V_TLB_SET,
  V_XCR0,
  V_ZERO,
  VCPU_OUT,
} from '../../assembly/abi/vcpu_page.ts';
import { CR0_PE, CR0_PG, CR4_PAE, EFER_LMA, EFER_LME, FLAG_ONE, FLAG_VM } from '../../assembly/abi/x86.ts';
import type { MachineMemory } from '../../web/kvm/memory.ts';

/** EFLAGS bits that exist (SDM vol. 1, 3.4.3). */
const FLAGS_DEFINED = 0x3f7fd7;

/** The first invariant that the page at `v` breaks, in words. */
export function broken(memory: MachineMemory, v: number): string | undefined {
  const u32 = (at: number): number => memory.u32(v + at);
  const attr = (n: number): number => u32(V_SEGS + n * SEG_STRIDE + SEG_ATTR);
  if (u32(V_FTOP) > 7) return `TOP is ${u32(V_FTOP)}`;
  if (u32(V_FTAG) > 0xff) return `the tag word is 0x${u32(V_FTAG).toString(16)}`;
  if (u32(V_FCW) > 0xffff) return `FCW is 0x${u32(V_FCW).toString(16)}`;
  if (u32(V_FSW) & ~0xc7ff) return `FSW without TOP is 0x${u32(V_FSW).toString(16)}`;
  if (u32(V_MXCSR) > 0xffff) return `MXCSR is 0x${u32(V_MXCSR).toString(16)}`;
  const flags = u32(V_RFLAGS);
  if ((flags & FLAG_ONE) === 0) return 'EFLAGS bit 1 is 0';
  if (flags & ~FLAGS_DEFINED) return `EFLAGS 0x${flags.toString(16)} has reserved bits`;
  if (u32(V_LF_KIND) > LF_DEC) return `the kind of the lazy flags is ${u32(V_LF_KIND)}`;
  if (memory.u64(v + V_ZERO) !== 0n) return 'the register that is always 0 is not';
  const cr0 = u32(V_CR0);
  const efer = u32(V_EFER);
  if (cr0 & CR0_PG && !(cr0 & CR0_PE)) return 'CR0 has PG without PE';
  const long = (efer & EFER_LMA) !== 0;
  if (long !== ((efer & EFER_LME) !== 0 && (cr0 & CR0_PG) !== 0))
    return 'EFER.LMA is not CR0.PG and EFER.LME';
  if (long && !(u32(V_CR4) & CR4_PAE)) return 'long mode has no CR4.PAE';
  if ((memory.u64(v + V_XCR0) & 1n) === 0n) return 'XCR0 has no x87';
  const mode = u32(V_MODE);
  const v86 = (flags & FLAG_VM) !== 0;
  const size = long && attr(CS) & ATTR_L ? MODE_64 : attr(CS) & ATTR_DB ? MODE_32 : 0;
  if ((mode & MODE_SIZE) !== size) return `the mode's code size is ${mode & MODE_SIZE}, CS says ${size}`;
  const real = !(cr0 & CR0_PE) || (v86 && !long);
  if (size !== MODE_64 && ((mode & MODE_REAL) !== 0) !== real)
    return `the mode's MODE_REAL is not what CR0 and VM say`;
  const cpl = u32(V_CPL);
  if (cpl > 3) return `CPL is ${cpl}`;
  if (!(cr0 & CR0_PE) && cpl !== 0) return `CPL is ${cpl} in real mode`;
  const dpl = (attr(SS) >> ATTR_DPL_SHIFT) & 3;
  if (cr0 & CR0_PE && cpl !== (v86 ? 3 : dpl)) return `CPL is ${cpl}, SS.DPL ${dpl}`;
  const rip = memory.u64(v + V_RIP);
  if (size === MODE_64 ? BigInt.asUintN(64, BigInt.asIntN(48, rip)) !== rip : rip > 0xffffffffn)
    return `RIP is 0x${rip.toString(16)}`;
  const area = v - VCPU_PAGE;
  const tlb = u32(V_TLB);
  const array = tlb - u32(V_TLB_SET);
  if (
    tlb !== area + VCPU_TLB_NONE &&
    (array % TLB_MODE_STRIDE || array < 0 || array > TLB_SMAP * TLB_MODE_STRIDE)
  )
    return `V_TLB is 0x${tlb.toString(16)}`;
  const top = u32(V_BLOCKS_TOP) - area;
  if (u32(V_BLOCKS_TOP) !== 0 && (top < VCPU_BLOCKS || top > VCPU_BLOCKS_END))
    return `V_BLOCKS_TOP is 0x${top.toString(16)}`;
  if (u32(V_STATE) !== VCPU_OUT) return `V_STATE is ${u32(V_STATE)}`;
  if (u32(V_FAULT) !== 0) return `V_FAULT is 0x${u32(V_FAULT).toString(16)}`;
  if (u32(V_LEAVE) !== 0) return `V_LEAVE is 0x${u32(V_LEAVE).toString(16)}`;
  return undefined;
}
