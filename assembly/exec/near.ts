// Near branches, PUSH and POP of full-width operands in 64-bit and flat code: the forms that programs are made of.
// 16-bit ones and code limits are in branch.ts and stack.ts.
import {
  FLOW_BRANCH,
  FLOW_FAULT,
  FLOW_NEXT,
  R_DISP,
  R_IMM,
  R_LEN,
  R_OFF,
  R_REG,
  R_SEG,
  RECORD_SIZE,
} from '../abi/insn';
import { TLB_READ, TLB_WRITE } from '../abi/map';
import {
  OP_CALL,
  OP_CALL_RM,
  OP_END,
  OP_JCC,
  OP_JMP,
  OP_JMP_RM,
  OP_POP_R,
  OP_PUSH_R,
  OP_RET,
} from '../abi/ops';
import {
  LF_SUB,
  MODE_64,
  MODE_SIZE,
  SS,
  V_GPR,
  V_LEAVE,
  V_LF_A,
  V_LF_B,
  V_LF_KIND,
  V_LF_RES,
  V_MODE,
  V_RIP,
} from '../abi/vcpu_page';
import { GP, RSP } from '../abi/x86';
import { condition } from '../cpu/flags';
import { finish_store, next_rip, size_of, wrap_rip } from '../cpu/operands';
import { translate } from '../memory/access';
import { raise_code } from '../state/fault';
import { canonical } from '../state/vcpu';
import { leave, retire } from './retire';

/** A near branch to `target`. */
function branch(v: u32, r: u32, first: u32, target: u64): u32 {
  retire(v, r, first, 1);
  store<u64>(v + V_RIP, target);
  return FLOW_BRANCH;
}

/** A relative branch's target. */
export function target_of(v: u32, r: u32): u64 {
  return wrap_rip(
    v,
    load<u64>(v + V_RIP) + load<u16>(r + R_OFF) + load<u8>(r + R_LEN) + (load<i32>(r + R_DISP) as i64 as u64),
  );
}

/** Linear address of the stack in 64-bit or flat code after adding `delta`; writes nothing. */
function stack_address(v: u32, delta: i64): u64 {
  const sp = load<u64>(v + V_GPR + RSP * 8) + (delta as u64);
  return (load<u32>(v + V_MODE) & MODE_SIZE) == MODE_64 ? sp : sp & 0xffffffff;
}

/** Pushes 64 bits in 64-bit code, 32 in flat code; false = fault. */
function push_value(v: u32, value: u64): bool {
  if ((load<u32>(v + V_MODE) & MODE_SIZE) == MODE_64) {
    const sp = load<u64>(v + V_GPR + RSP * 8) - 8;
    const p = translate(v, sp, TLB_WRITE, 7, SS, false);
    if (p == 0) return false;
    store<u64>(p, value);
    store<u64>(v + V_GPR + RSP * 8, sp);
  } else {
    const sp = (load<u64>(v + V_GPR + RSP * 8) - 4) & 0xffffffff;
    const p = translate(v, sp, TLB_WRITE, 3, SS, false);
    if (p == 0) return false;
    store<u32>(p, value as u32);
    store<u64>(v + V_GPR + RSP * 8, sp);
  }
  return true;
}

/** A near target that 64-bit code may jump to. */
function reachable(v: u32, target: u64): bool {
  if (canonical(target)) return true;
  raise_code(v, GP, 0);
  return false;
}

/**
 * Executes a near branch or a push or pop. FLOW_NEXT: the next record follows. Else what the run of blocks ends with, RIP and the
 * budget exact.
 */
export function exec_near(v: u32, r: u32, first: u32, op: u32, rm: u32): u32 {
  switch (op) {
    case OP_JCC: {
      const cc: u32 = load<u8>(r + R_SEG);
      let taken: bool;
      if (cc == 4) taken = load<u32>(v + V_LF_KIND) ? load<u64>(v + V_LF_RES) == 0 : condition(v, cc);
      else if (cc == 5) taken = load<u32>(v + V_LF_KIND) ? load<u64>(v + V_LF_RES) != 0 : condition(v, cc);
      else if (load<u32>(v + V_LF_KIND) == LF_SUB) {
        switch (cc) {
          case 2:
            taken = load<u64>(v + V_LF_A) < load<u64>(v + V_LF_B);
            break;
          case 3:
            taken = load<u64>(v + V_LF_A) >= load<u64>(v + V_LF_B);
            break;
          case 6:
            taken = load<u64>(v + V_LF_A) <= load<u64>(v + V_LF_B);
            break;
          case 7:
            taken = load<u64>(v + V_LF_A) > load<u64>(v + V_LF_B);
            break;
          case 8:
            taken = load<i64>(v + V_LF_RES) < 0;
            break;
          case 9:
            taken = load<i64>(v + V_LF_RES) >= 0;
            break;
          case 12:
            taken = load<i64>(v + V_LF_A) < load<i64>(v + V_LF_B);
            break;
          case 13:
            taken = load<i64>(v + V_LF_A) >= load<i64>(v + V_LF_B);
            break;
          case 14:
            taken = load<i64>(v + V_LF_A) <= load<i64>(v + V_LF_B);
            break;
          case 15:
            taken = load<i64>(v + V_LF_A) > load<i64>(v + V_LF_B);
            break;
          default:
            taken = condition(v, cc);
            break;
        }
      } else taken = condition(v, cc);
      if (!taken) break;
      return branch(v, r, first, target_of(v, r));
    }
    case OP_JMP:
      return branch(v, r, first, target_of(v, r));
    case OP_END:
      // The pseudo record is no instruction.
      return branch(v, r - RECORD_SIZE, first, wrap_rip(v, load<u64>(v + V_RIP) + load<u16>(r + R_OFF)));
    case OP_CALL: {
      const target = target_of(v, r);
      if (!push_value(v, next_rip(v, r))) return leave(v, r, first, FLOW_FAULT);
      if (load<u32>(v + V_LEAVE)) finish_store(v);
      return branch(v, r, first, target);
    }
    case OP_RET: {
      const wide = (load<u32>(v + V_MODE) & MODE_SIZE) == MODE_64;
      const p = translate(v, stack_address(v, 0), TLB_READ, wide ? 7 : 3, SS, false);
      if (p == 0) return leave(v, r, first, FLOW_FAULT);
      const target: u64 = wide ? load<u64>(p) : load<u32>(p);
      if (wide && !reachable(v, target)) return leave(v, r, first, FLOW_FAULT);
      store<u64>(v + V_GPR + RSP * 8, stack_address(v, (wide ? 8 : 4) + load<i64>(r + R_IMM)));
      return branch(v, r, first, target);
    }
    case OP_PUSH_R: {
      const from = load<u32>(r + R_REG);
      if (!push_value(v, load<u64>(from))) return leave(v, r, first, FLOW_FAULT);
      if (load<u32>(v + V_LEAVE)) {
        const flow = finish_store(v);
        if (flow) return leave(v, r, first, flow);
      }
      break;
    }
    case OP_POP_R: {
      const wide = (load<u32>(v + V_MODE) & MODE_SIZE) == MODE_64;
      const p = translate(v, stack_address(v, 0), TLB_READ, wide ? 7 : 3, SS, false);
      if (p == 0) return leave(v, r, first, FLOW_FAULT);
      const value: u64 = wide ? load<u64>(p) : load<u32>(p);
      store<u64>(v + V_GPR + RSP * 8, stack_address(v, wide ? 8 : 4));
      store<u64>(load<u32>(r + R_REG), value);
      break;
    }
    case OP_JMP_RM: {
      const wide = size_of(r) == 3;
      const target: u64 = wide ? load<u64>(rm) : load<u32>(rm);
      if (wide && !reachable(v, target)) return leave(v, r, first, FLOW_FAULT);
      return branch(v, r, first, target);
    }
    case OP_CALL_RM: {
      const wide = size_of(r) == 3;
      const target: u64 = wide ? load<u64>(rm) : load<u32>(rm);
      if (wide && !reachable(v, target)) return leave(v, r, first, FLOW_FAULT);
      if (!push_value(v, next_rip(v, r))) return leave(v, r, first, FLOW_FAULT);
      if (load<u32>(v + V_LEAVE)) finish_store(v);
      return branch(v, r, first, target);
    }
    default:
      break;
  }
  return FLOW_NEXT;
}
