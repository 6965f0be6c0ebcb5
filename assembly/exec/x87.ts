// The family OP_X87: an exception that waits comes first, then one of the files beside this one works, then what an
// exception handler wants to know is noted (SDM vol. 1, 8.1.8, 8.1.9 and 8.6).
import { FSW_ES, V_FDP, V_FIP, V_FOP, V_FSW, V_IGNNE } from '../abi/fpu';
import {
  AM_FORM,
  AM_RIP,
  FLOW_FAULT,
  FLOW_NEXT,
  FLOW_RESTART,
  R_AM,
  R_FLAGS,
  R_OFF,
  RF_MEMORY,
} from '../abi/insn';
import { OP_X87 } from '../abi/ops';
import {
  OP_F_CONTROL,
  OP_F_NO_WAIT,
  OP_FPREM,
  OP_FPREM1,
  OP_FRNDINT,
  OP_FSCALE,
  OP_FSQRT,
  OP_FXTRACT,
  R_FOP,
} from '../abi/ops_x87';
import { FAULT_EXIT, V_FAULT, V_RIP } from '../abi/vcpu_page';
import { effective_address, next_rip } from '../cpu/operands';
import { x87_error } from '../cpu/x87_error';
import { clear_fault } from '../state/fault';
import { Arithmetic, fsqrt } from './x87_arithmetic';
import { exec_x87_compare } from './x87_compare';
import { exec_x87_control } from './x87_control';
import { Load } from './x87_load';
import { Move } from './x87_move';
import { remainder } from './x87_remainder';
import { frndint, fscale, fxtract } from './x87_scale';
import { Store } from './x87_store';
import { exec_x87_transcendental } from './x87_transcendental';

/** Executes the family OP_X87. */
export function exec_x87(v: u32, r: u32, op: u32, rm: u32): u32 {
  const waiting = load<u32>(v + V_FSW) & FSW_ES;
  if (waiting && op < OP_F_NO_WAIT) {
    const error = x87_error(v);
    if (error) return error;
  }
  if (op >= OP_F_CONTROL) return exec_x87_control(v, r, op, rm);
  store<u64>(v + V_FIP, load<u64>(v + V_RIP) + load<u16>(r + R_OFF));
  let flow = FLOW_NEXT;
  switch ((op - OP_X87) >> 3) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
      Arithmetic.execute(v, r, op, rm);
      break;
    case 7:
      Load.execute(v, op, rm);
      break;
    case 8:
    case 9:
    case 10:
      Move.execute(v, r, op);
      break;
    case 11:
    case 12:
      flow = Store.execute(v, op, rm);
      break;
    case 13:
    case 14:
      exec_x87_compare(v, r, op);
      break;
    default:
      unary(v, op);
      break;
  }
  if (load<u32>(v + V_FSW) & FSW_ES && waiting == 0) note_exception(v, r);
  return flow;
}

/** The memory operand of a waiting instruction faults: an exception that waits comes before that. */
export function x87_operand_fault(v: u32, op: u32): u32 {
  if (op >= OP_F_NO_WAIT || load<u32>(v + V_FAULT) == FAULT_EXIT) return FLOW_FAULT;
  const error = x87_error(v);
  if (error == FLOW_RESTART) clear_fault(v);
  return error ? error : FLOW_FAULT;
}

/** The instruction has raised an unmasked exception: FOP, and FDP of a memory operand (CPUID.7.0:EBX[6]: only then). */
function note_exception(v: u32, r: u32): void {
  store<u32>(v + V_IGNNE, 0);
  store<u32>(v + V_FOP, load<u16>(r + R_FOP));
  if (load<u16>(r + R_FLAGS) & RF_MEMORY) store<u64>(v + V_FDP, operand_offset(v, r));
}

function operand_offset(v: u32, r: u32): u64 {
  const offset = effective_address(v, r);
  return (load<u8>(r + R_AM) & AM_FORM) == AM_RIP ? offset + next_rip(v, r) : offset;
}

/** D9 F0 .. D9 FF. */
function unary(v: u32, op: u32): void {
  switch (op) {
    case OP_FXTRACT:
      fxtract(v);
      break;
    case OP_FPREM1:
      remainder(v, true);
      break;
    case OP_FPREM:
      remainder(v, false);
      break;
    case OP_FSQRT:
      fsqrt(v);
      break;
    case OP_FRNDINT:
      frndint(v);
      break;
    case OP_FSCALE:
      fscale(v);
      break;
    default:
      exec_x87_transcendental(v, op);
  }
}
