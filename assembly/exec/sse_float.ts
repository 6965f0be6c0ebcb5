// The family OP_FLOAT.
import { UD } from '../abi/x86';
import { raise } from '../state/fault';

export function exec_float(v: u32, _r: u32, _op: u32, _rm: u32): u32 {
  return raise(v, UD);
}
