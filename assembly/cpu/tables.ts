// Instructions that look at a descriptor without using it: LAR, LSL, VERR, VERW; and LLDT and LTR, which load the
// system segment registers. Sets no flags (exec/control.ts does).
import { ATTR_CODE, ATTR_DC, ATTR_P, ATTR_RW, ATTR_S, LDTR, SEG_ATTR, SEG_BASE, TR } from '../abi/vcpu_page';
import { GP, NP } from '../abi/x86';
import { load_system64 } from '../memory/access';
import { faulted, raise_code } from '../state/fault';
import { canonical, cpl, is_long, seg } from '../state/vcpu';
import {
  attr_dpl,
  desc_attr,
  descriptor_address,
  is_bad_upper_half,
  NO_DESCRIPTOR,
  set_busy,
  set_segment,
  set_segment_null,
} from './segment';

/** Bit n: system descriptor type n is valid for LAR (legacy, long mode), and for LSL. */
const LAR_TYPES: u32 = 0x1a3e;
const LAR_TYPES_LONG: u32 = 0x1a04;
const LSL_TYPES: u32 = 0x0a0e;
const LSL_TYPES_LONG: u32 = 0x0a04;

/** The descriptor of a selector for LAR and its kin; 0 when it is null or beyond its table, or when a fault is raised. */
function visible(v: u32, selector: u32): u64 {
  if ((selector & 0xfffc) == 0) return 0;
  const la = descriptor_address(v, selector, 8);
  return la == NO_DESCRIPTOR ? 0 : load_system64(v, la);
}

function privileged_enough(v: u32, selector: u32, attr: u32): bool {
  if ((attr & (ATTR_S | ATTR_CODE | ATTR_DC)) == (ATTR_S | ATTR_CODE | ATTR_DC)) return true;
  const dpl = attr_dpl(attr);
  return cpl(v) <= dpl && (selector & 3) <= dpl;
}

/** The descriptor that LAR (or LSL) may look into; 0 = ZF is cleared, or a fault is raised. */
export function inspect(v: u32, selector: u32, limit: bool): u64 {
  const d = visible(v, selector);
  if (d == 0) return 0;
  const attr = desc_attr(d);
  if ((attr & ATTR_S) == 0) {
    const types = is_long(v) ? (limit ? LSL_TYPES_LONG : LAR_TYPES_LONG) : limit ? LSL_TYPES : LAR_TYPES;
    if (((types >> (attr & 15)) & 1) == 0) return 0;
  }
  return privileged_enough(v, selector, attr) ? d : 0;
}

/** VERR (or VERW): whether the segment can be read (written) at this level. */
export function verify(v: u32, selector: u32, write: bool): bool {
  const d = visible(v, selector);
  if (d == 0) return false;
  const attr = desc_attr(d);
  if ((attr & ATTR_S) == 0 || !privileged_enough(v, selector, attr)) return false;
  if (write) return (attr & (ATTR_CODE | ATTR_RW)) == ATTR_RW;
  return (attr & (ATTR_CODE | ATTR_RW)) != ATTR_CODE;
}

/** Loads LDTR or TR (`n`) with a descriptor from the GDT; false with a fault raised. */
export function load_system_segment(v: u32, n: u32, selector: u32): bool {
  const code = selector & 0xfffc;
  if (code == 0) {
    if (n == LDTR) set_segment_null(v, LDTR, selector);
    else raise_code(v, GP, 0);
    return n == LDTR;
  }
  const long = is_long(v);
  const la = selector & 4 ? NO_DESCRIPTOR : descriptor_address(v, selector, long ? 16 : 8);
  if (la == NO_DESCRIPTOR) {
    raise_code(v, GP, code);
    return false;
  }
  const d = load_system64(v, la);
  if (faulted(v)) return false;
  const attr = desc_attr(d);
  const type = attr & 0x1f;
  const fits = n == LDTR ? type == 2 : type == 9 || (type == 1 && !long);
  if (!fits) {
    raise_code(v, GP, code);
    return false;
  }
  if ((attr & ATTR_P) == 0) {
    raise_code(v, NP, code);
    return false;
  }
  let high: u64 = 0;
  if (long) {
    high = load_system64(v, la + 8);
    if (faulted(v)) return false;
    if (is_bad_upper_half(high) || !canonical((high << 32) | ((d >> 32) & 0xff000000))) {
      raise_code(v, GP, code);
      return false;
    }
  }
  if (n == TR) {
    set_busy(v, la, true);
    if (faulted(v)) return false;
  }
  set_segment(v, n, selector, d);
  const s = seg(v, n);
  if (long) store<u64>(s + SEG_BASE, load<u64>(s + SEG_BASE) | (high << 32));
  if (n == TR) store<u32>(s + SEG_ATTR, attr | 2);
  return true;
}
