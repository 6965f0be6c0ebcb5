// Which family executes an operation that the dispatcher does not execute itself. One arrow to each file of exec/.
import { R_FLAGS, R_SPAN, RF_ALIGNED } from '../abi/insn';
import { GP } from '../abi/x86';
import { raise_code } from '../state/fault';
import { exec_bcd } from './bcd';
import { exec_bit } from './bit';
import { exec_branch } from './branch';
import { exec_control } from './control';
import { exec_far } from './far';
import { exec_fpu_state } from './fpu_state';
import { exec_io } from './io';
import { exec_locked } from './locked';
import { exec_msr } from './msr';
import { exec_muldiv } from './muldiv';
import { exec_packed } from './packed';
import { exec_shift } from './shift';
import { exec_float } from './sse_float';
import { exec_stack } from './stack';
import { exec_string } from './string';
import { exec_vector_move } from './vector_move';

/** Executes a record of a family; returns FLOW_*. */
export function exec_cold(v: u32, r: u32, op: u32, rm: u32): u32 {
  switch ((op >> 4) - 0x10) {
    case 0:
      return exec_shift(v, r, op, rm);
    case 1:
      return exec_muldiv(v, r, op, rm);
    case 2:
    case 3:
      return exec_bit(v, r, op, rm);
    case 4:
      return exec_bcd(v, r, op, rm);
    case 6:
      return exec_string(v, r, op, rm);
    case 7:
    case 8:
      return exec_locked(v, r, op, rm);
    case 9:
      return exec_stack(v, r, op, rm);
    case 10:
      return exec_branch(v, r, op, rm);
    case 12:
    case 13:
      return exec_far(v, r, op, rm);
    case 16:
    case 17:
    case 18:
      return exec_control(v, r, op, rm);
    case 19:
      return exec_msr(v, r, op, rm);
    case 20:
      return exec_io(v, r, op, rm);
    default:
      return exec_fpu_state(v, r, op, rm);
  }
}

/** MMX, SSE and AVX; x87 is called by the dispatcher itself. */
export function exec_unit(v: u32, r: u32, op: u32, rm: u32): u32 {
  // A memory operand in one page keeps its offset there, so its alignment shows in the host's address; one that crosses
  // pages never comes so far.
  if (load<u16>(r + R_FLAGS) & RF_ALIGNED && rm & load<u8>(r + R_SPAN)) return raise_code(v, GP, 0);
  switch ((op >> 8) - 3) {
    case 1:
    case 2:
      return exec_packed(v, r, op, rm);
    case 3:
      return exec_float(v, r, op, rm);
    default:
      return exec_vector_move(v, r, op, rm);
  }
}
