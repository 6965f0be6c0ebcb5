// Segmentation: offset to linear address with the checks of SDM vol. 3, 5.3 to 5.5. Knows no paging.
import {
  ATTR_CODE,
  ATTR_DB,
  ATTR_DC,
  ATTR_RW,
  ATTR_UNUSABLE,
  CS,
  FS,
  MODE_FLAT,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SS,
  V_MODE,
} from '../abi/vcpu_page';
import { GP, STACK_FAULT } from '../abi/x86';
import { raise_code } from '../state/fault';
import { canonical, is_64, is_real, seg } from '../state/vcpu';

function refuse(v: u32, n: u32): u64 {
  raise_code(v, n == SS ? STACK_FAULT : GP, 0);
  return 0;
}

/** Linear address of `bytes` bytes at `offset` in segment `n`; raises #GP(0) or #SS(0) (check faulted). */
export function linear(v: u32, n: u32, offset: u64, bytes: u32, write: bool): u64 {
  const mode = load<u32>(v + V_MODE);
  if (mode & MODE_FLAT && n < FS && n != CS) {
    const first = offset & 0xffffffff;
    return first + bytes - 1 <= 0xffffffff ? first : refuse(v, n);
  }
  const s = seg(v, n);
  if (is_64(v)) {
    const la = n >= FS ? offset + load<u64>(s + SEG_BASE) : offset;
    if (!canonical(la) || !canonical(la + bytes - 1)) return refuse(v, n);
    return la;
  }
  const attr = load<u32>(s + SEG_ATTR);
  if (attr & ATTR_UNUSABLE) return refuse(v, n);
  if (!is_real(v)) {
    if (attr & ATTR_CODE) {
      if (write || (attr & ATTR_RW) == 0) return refuse(v, n);
    } else if (write && (attr & ATTR_RW) == 0) {
      return refuse(v, n);
    }
  }
  const limit = load<u32>(s + SEG_LIMIT) as u64;
  const first = offset & 0xffffffff;
  const last = first + bytes - 1;
  if ((attr & (ATTR_CODE | ATTR_DC)) == ATTR_DC) {
    // Expand down: valid offsets lie above the limit.
    const top: u64 = attr & ATTR_DB ? 0xffffffff : 0xffff;
    if (first <= limit || last > top) return refuse(v, n);
  } else if (last > limit) {
    return refuse(v, n);
  }
  return (load<u64>(s + SEG_BASE) + first) & 0xffffffff;
}
