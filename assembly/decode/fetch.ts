// Where the code at a linear address lies.
import { V_CPL, V_WALK_FLAGS, V_WALK_GPA } from '../abi/vcpu_page';
import { GP } from '../abi/x86';
import { hva_of } from '../memory/slots';
import { exec_entry, fill_exec } from '../memory/tlb';
import { ACCESS_FETCH, ACCESS_USER, WALK_TLB_SHIFT, walk } from '../memory/walk';
import { emulation_failure } from '../state/exit';
import { raise_code } from '../state/fault';
import { canonical, is_64 } from '../state/vcpu';

/** hva of the code byte at linear address `la`, or 0 with a fault raised. */
export function fetch_hva(v: u32, la: u64): u32 {
  const user: u32 = load<u32>(v + V_CPL) == 3 ? 1 : 0;
  const e = exec_entry(v, la, user);
  if (load<u64>(e) == (la & ~0xfff)) return (la as u32) + load<u32>(e + 8);
  if (is_64(v) && !canonical(la)) {
    raise_code(v, GP, 0);
    return 0;
  }
  if (!walk(v, la, ACCESS_FETCH | (user ? ACCESS_USER : 0))) return 0;
  const hva = hva_of(v, load<u64>(v + V_WALK_GPA));
  if (hva == 0) {
    emulation_failure(v);
    return 0;
  }
  fill_exec(v, la, user, hva, load<u32>(v + V_WALK_FLAGS) >> WALK_TLB_SHIFT);
  return hva;
}
