// The x87 and SSE state that FXSAVE and FXRSTOR move (SDM vol. 2, FXSAVE; vol. 1, 10.5), kept as an FXSAVE image at
// VCPU_FPU. There is no unit that computes: escapes raise #NM as SDM vol. 3, table 2-2 says, or do nothing.

import { FLOW_FAULT, FLOW_NEXT, FLOW_STOP, R_IMM, R_SEG } from '../abi/insn';
import { VCPU_FPU, VCPU_PAGE } from '../abi/map';
import { OP_FXRSTOR, OP_FXSAVE } from '../abi/ops';
import { V_CR0, V_CR4 } from '../abi/vcpu_page';
import { CR0_EM, CR0_MP, CR0_TS, CR4_OSFXSR, GP, NM, UD } from '../abi/x86';
import { effective_address } from '../cpu/operands';
import { load64, probe_write, store64 } from '../memory/access';
import { linear } from '../memory/segments';
import { faulted, raise, raise_code } from '../state/fault';
import { is_64 } from '../state/vcpu';

const FWAIT: u64 = 0x9b;
/** Bytes of the image that FXSAVE writes: the rest up to 512 is the program's. */
const IMAGE: u32 = 464;
const MXCSR: u32 = 24;
/** MXCSR bits that exist, as the image's MXCSR_MASK says. */
const MXCSR_MASK: u32 = 0xffff;
const XMM: u32 = 160;

function execute_escape(v: u32, r: u32): u32 {
  const cr0 = load<u32>(v + V_CR0);
  if (load<u64>(r + R_IMM) == FWAIT) {
    if ((cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)) return raise(v, NM);
    return FLOW_NEXT;
  }
  if (cr0 & (CR0_EM | CR0_TS)) return raise(v, NM);
  return FLOW_NEXT;
}

/** End of what an image holds in this mode: eight XMM registers outside 64-bit code, none without CR4.OSFXSR. */
function image_end(v: u32): u32 {
  if ((load<u32>(v + V_CR4) & CR4_OSFXSR) == 0) return XMM;
  return is_64(v) ? XMM + 16 * 16 : XMM + 8 * 16;
}

/** Linear address of the 512-byte operand; check `faulted`. */
function image_address(v: u32, r: u32, write: bool): u64 {
  const cr0 = load<u32>(v + V_CR0);
  if (cr0 & CR0_EM) {
    raise(v, UD);
    return 0;
  }
  if (cr0 & CR0_TS) {
    raise(v, NM);
    return 0;
  }
  const la = linear(v, load<u8>(r + R_SEG), effective_address(v, r), 512, write);
  if (!faulted(v) && la & 15) raise_code(v, GP, 0);
  return la;
}

function fxsave(v: u32, r: u32): u32 {
  const la = image_address(v, r, true);
  if (faulted(v) || !probe_write(v, la, 512)) return FLOW_FAULT;
  const state = v - VCPU_PAGE + VCPU_FPU;
  store<u32>(state + MXCSR + 4, MXCSR_MASK);
  const end = image_end(v);
  for (let i: u32 = 0; i < IMAGE && i < end; i += 8) store64(v, la + i, load<u64>(state + i));
  return faulted(v) ? FLOW_FAULT : FLOW_STOP;
}

function fxrstor(v: u32, r: u32): u32 {
  const la = image_address(v, r, false);
  if (faulted(v)) return FLOW_FAULT;
  const mxcsr = load64(v, la + MXCSR) as u32;
  if (faulted(v)) return FLOW_FAULT;
  if (mxcsr & ~MXCSR_MASK) return raise_code(v, GP, 0);
  load64(v, la + 504);
  if (faulted(v)) return FLOW_FAULT;
  const state = v - VCPU_PAGE + VCPU_FPU;
  const end = image_end(v);
  for (let i: u32 = 0; i < end; i += 8) store<u64>(state + i, load64(v, la + i));
  return faulted(v) ? FLOW_FAULT : FLOW_NEXT;
}

/** Executes OP_FPU, OP_FXSAVE and OP_FXRSTOR. */
export function exec_fpu(v: u32, r: u32, op: u32, _rm: u32): u32 {
  if (op == OP_FXSAVE) return fxsave(v, r);
  return op == OP_FXRSTOR ? fxrstor(v, r) : execute_escape(v, r);
}
