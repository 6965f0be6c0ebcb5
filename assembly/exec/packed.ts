// The family OP_PACKED.
import { UD } from '../abi/x86';
import { raise } from '../state/fault';

export function exec_packed(v: u32, _r: u32, _op: u32, _rm: u32): u32 {
  return raise(v, UD);
}
