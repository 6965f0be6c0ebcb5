// Decimal adjustment, single flags, LAHF and SAHF, SALC, XLAT.
import { FLOW_FAULT, FLOW_NEXT, R_FLAGS, R_IMM, R_SEG, RF_ASIZE_SHIFT } from '../abi/insn';
import {
  OP_AAA,
  OP_AAD,
  OP_AAM,
  OP_AAS,
  OP_CLC,
  OP_CLD,
  OP_CMC,
  OP_DAA,
  OP_DAS,
  OP_LAHF,
  OP_SAHF,
  OP_SALC,
  OP_STC,
  OP_STD,
} from '../abi/ops';
import { V_GPR } from '../abi/vcpu_page';
import { DE, FLAG_AF, FLAG_CF, FLAG_OF, FLAG_PF, FLAG_SF, FLAG_ZF, RAX, RBX } from '../abi/x86';
import {
  arith_flags,
  get_af,
  get_cf,
  get_flags,
  lazy_add,
  lazy_result,
  set_arith,
  set_carry,
  set_direction,
} from '../cpu/flags';
import { load8 } from '../memory/access';
import { linear } from '../memory/segments';
import { faulted, raise } from '../state/fault';

const AL: u32 = V_GPR + RAX * 8;
const AH: u32 = AL + 1;

function result_al(v: u32, cf: u32, af: u32): void {
  lazy_result(v, load<i8>(v + AL) as i64, cf | (af << 4));
}

/** DAA and DAS. */
function decimal(v: u32, subtract: bool): void {
  const old = load<u8>(v + AL) as u32;
  const old_cf = get_cf(v);
  let al = old;
  let cf: u32 = 0;
  let af: u32 = 0;
  if ((old & 15) > 9 || get_af(v)) {
    al = subtract ? al - 6 : al + 6;
    cf = old_cf | (subtract ? ((old < 6) as u32) : ((al > 0xff) as u32));
    af = 1;
  }
  if (old > 0x99 || old_cf) {
    al = subtract ? al - 0x60 : al + 0x60;
    cf = 1;
  }
  store<u8>(v + AL, al as u8);
  result_al(v, cf, af);
}

/** AAA and AAS. */
function ascii(v: u32, subtract: bool): void {
  const adjust = (load<u8>(v + AL) & 15) > 9 || get_af(v) != 0;
  const flag: u32 = adjust ? 1 : 0;
  if (adjust) {
    const ax = load<u16>(v + AL) as u32;
    store<u16>(v + AL, (subtract ? ax - 0x106 : ax + 0x106) as u16);
  }
  store<u8>(v + AL, load<u8>(v + AL) & 15);
  result_al(v, flag, flag);
}

function xlat(v: u32, r: u32): u32 {
  const asize = ((load<u16>(r + R_FLAGS) as u32) >> RF_ASIZE_SHIFT) & 3;
  let offset = load<u64>(v + V_GPR + RBX * 8) + load<u8>(v + AL);
  if (asize == 2) offset &= 0xffffffff;
  else if (asize == 1) offset &= 0xffff;
  const la = linear(v, load<u8>(r + R_SEG), offset, 1, false);
  if (faulted(v)) return FLOW_FAULT;
  const value = load8(v, la);
  if (faulted(v)) return FLOW_FAULT;
  store<u8>(v + AL, value as u8);
  return FLOW_NEXT;
}

export function exec_bcd(v: u32, r: u32, op: u32, _rm: u32): u32 {
  switch (op - OP_DAA) {
    case OP_DAA - OP_DAA:
      decimal(v, false);
      break;
    case OP_DAS - OP_DAA:
      decimal(v, true);
      break;
    case OP_AAA - OP_DAA:
      ascii(v, false);
      break;
    case OP_AAS - OP_DAA:
      ascii(v, true);
      break;
    case OP_AAM - OP_DAA: {
      const base = load<u32>(r + R_IMM) & 0xff;
      if (base == 0) return raise(v, DE);
      const al = load<u8>(v + AL) as u32;
      store<u8>(v + AH, (al / base) as u8);
      store<u8>(v + AL, (al % base) as u8);
      result_al(v, 0, 0);
      break;
    }
    case OP_AAD - OP_DAA: {
      const al = load<i8>(v + AL) as i64;
      const tens = ((load<u8>(v + AH) as u32) * load<u32>(r + R_IMM)) as i8 as i64;
      store<u16>(v + AL, ((al + tens) as u16) & 0xff);
      // CF, OF and AF are undefined; Intel processors leave those of the addition.
      lazy_add(v, al, tens, (al + tens) as i8 as i64);
      break;
    }
    case OP_CLC - OP_DAA:
      set_carry(v, 0);
      break;
    case OP_STC - OP_DAA:
      set_carry(v, 1);
      break;
    case OP_CMC - OP_DAA:
      set_carry(v, get_cf(v) ^ 1);
      break;
    case OP_CLD - OP_DAA:
      set_direction(v, false);
      break;
    case OP_STD - OP_DAA:
      set_direction(v, true);
      break;
    case OP_LAHF - OP_DAA:
      store<u8>(v + AH, get_flags(v) as u8);
      break;
    case OP_SAHF - OP_DAA: {
      const bits = FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF;
      set_arith(v, (arith_flags(v) & FLAG_OF) | ((load<u8>(v + AH) as u32) & bits));
      break;
    }
    case OP_SALC - OP_DAA:
      store<u8>(v + AL, get_cf(v) ? 0xff : 0);
      break;
    default:
      return xlat(v, r);
  }
  return FLOW_NEXT;
}
