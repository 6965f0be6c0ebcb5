// The two-byte opcode map, 0F xx (SDM vol. 2, table A-3); SIMD rows are in simd_0f.ts.
import { R_IMM, R_REG, R_RM, RF_66, RF_LOCK, RF_REP, RF_REPNE } from '../abi/insn';
import {
  OP_BSF,
  OP_BSR,
  OP_BSWAP,
  OP_BT_I,
  OP_BT_R,
  OP_CLAC,
  OP_CLFLUSH,
  OP_CLTS,
  OP_CMOV,
  OP_CMPXCHG,
  OP_CMPXCHG8B,
  OP_CMPXCHG16B,
  OP_CPUID,
  OP_EMMS,
  OP_FXSAVE,
  OP_IMUL_32,
  OP_IMUL_64,
  OP_IMUL2,
  OP_INVD,
  OP_INVLPG,
  OP_LAR,
  OP_LDMXCSR,
  OP_LLDT,
  OP_LMSW,
  OP_LOCK_BT,
  OP_LSL,
  OP_LTR,
  OP_LZCNT,
  OP_MONITOR,
  OP_MOV_FROM_CR,
  OP_MOV_FROM_DR,
  OP_MOV_STORE,
  OP_MOV_TO_CR,
  OP_MOV_TO_DR,
  OP_MOVSX8,
  OP_MOVSX16,
  OP_MOVZX8,
  OP_MOVZX16,
  OP_MWAIT,
  OP_NOP,
  OP_POPCNT,
  OP_RDFSBASE,
  OP_RDMSR,
  OP_RDPID,
  OP_RDPKRU,
  OP_RDPMC,
  OP_RDRAND,
  OP_RDTSC,
  OP_RDTSCP,
  OP_RSM,
  OP_SETCC,
  OP_SGDT,
  OP_SHLD,
  OP_SHLD_CL,
  OP_SHRD,
  OP_SHRD_CL,
  OP_SLDT,
  OP_SMSW,
  OP_STAC,
  OP_STMXCSR,
  OP_STR,
  OP_SWAPGS,
  OP_SYSCALL,
  OP_SYSENTER,
  OP_SYSEXIT,
  OP_SYSRET,
  OP_TZCNT,
  OP_VERR,
  OP_VERW,
  OP_VMCALL,
  OP_WRMSR,
  OP_WRPKRU,
  OP_XADD,
  OP_XGETBV,
  OP_XRSTOR,
  OP_XSAVE,
  OP_XSAVEOPT,
  OP_XSETBV,
} from '../abi/ops';
import { FS, GS, MODE_64, MODE_REAL, SS, V_GPR } from '../abi/vcpu_page';
import { C_CODE, C_FLAGS, C_LOCKABLE, C_MODE, C_OSIZE, C_REX, next8 } from './cursor';
import {
  ADDRESS,
  fetch_modrm,
  MODIFY,
  modrm_is_register,
  modrm_op,
  modrm_reg,
  READ,
  reg_operand,
  rm_operand,
  rm_operand_bytes,
  set_size,
  WRITE,
} from './modrm';
import {
  decode_pop_seg,
  decode_push_seg,
  ends,
  jcc,
  load_far,
  set_imm,
  set_op,
  undefined_opcode,
} from './record';
import { set_unit_op, UNIT_MMX, UNIT_SSE } from './simd';
import { decode_simd_0f } from './simd_0f';
import { decode_0f3a, decode_0f38 } from './three_byte';

function system(c: u32, r: u32, op: u32): void {
  set_op(r, op);
  ends(c);
}

/** reg <- r/m by a handler of a family that reads its size from the flags. */
function reg_from_rm(c: u32, v: u32, r: u32, op: u32): void {
  const size = load<u32>(c + C_OSIZE);
  reg_operand(c, v, r, size);
  rm_operand(c, v, r, size, READ);
  set_op(r, op);
}

/** Operands of the privileged ones are accessed by the handler: the privilege is looked at first. */
function group6(c: u32, v: u32, r: u32): void {
  fetch_modrm(c);
  if (load<u32>(c + C_MODE) & MODE_REAL) return undefined_opcode(c, r);
  const operation = modrm_op(c);
  switch (operation) {
    case 0:
    case 1:
      rm_operand(c, v, r, modrm_is_register(c) ? load<u32>(c + C_OSIZE) : 1, ADDRESS);
      set_op(r, operation ? OP_STR : OP_SLDT);
      return;
    case 2:
    case 3:
      rm_operand(c, v, r, 1, ADDRESS);
      system(c, r, operation == 2 ? OP_LLDT : OP_LTR);
      return;
    case 4:
    case 5:
      rm_operand(c, v, r, 1, READ);
      set_op(r, operation == 4 ? OP_VERR : OP_VERW);
      return;
    default:
      undefined_opcode(c, r);
  }
}

function group7(c: u32, v: u32, r: u32): void {
  const m = fetch_modrm(c);
  const operation = modrm_op(c);
  if (!modrm_is_register(c)) {
    switch (operation) {
      case 0:
      case 1:
      case 2:
      case 3:
        rm_operand(c, v, r, load<u32>(c + C_CODE) == MODE_64 ? 3 : load<u32>(c + C_OSIZE), ADDRESS);
        system(c, r, OP_SGDT + operation);
        return;
      case 4:
        rm_operand(c, v, r, 1, ADDRESS);
        set_op(r, OP_SMSW);
        return;
      case 6:
        rm_operand(c, v, r, 1, ADDRESS);
        system(c, r, OP_LMSW);
        return;
      case 7:
        rm_operand(c, v, r, 0, ADDRESS);
        system(c, r, OP_INVLPG);
        return;
      default:
        return undefined_opcode(c, r);
    }
  }
  if (operation == 4) {
    rm_operand(c, v, r, load<u32>(c + C_OSIZE), WRITE);
    set_op(r, OP_SMSW);
    return;
  }
  if (operation == 6) {
    rm_operand(c, v, r, 1, READ);
    system(c, r, OP_LMSW);
    return;
  }
  // Those that the manual marks NP do not exist behind 66, F2 or F3.
  const bare = (load<u32>(c + C_FLAGS) & (RF_66 | RF_REP | RF_REPNE)) == 0;
  if (!bare && (m == 0xca || m == 0xcb || m == 0xd0 || m == 0xd1 || m >= 0xee) && m < 0xf0)
    return undefined_opcode(c, r);
  switch (m) {
    case 0xc1:
    case 0xd9:
      // VMCALL, or VMMCALL of the other vendor.
      store<u32>(r + R_IMM, m == 0xd9 ? 1 : 0);
      return system(c, r, OP_VMCALL);
    case 0xc8:
      return set_op(r, OP_MONITOR);
    case 0xc9:
      return system(c, r, OP_MWAIT);
    case 0xca:
      return system(c, r, OP_CLAC);
    case 0xcb:
      return system(c, r, OP_STAC);
    case 0xd0:
      return set_op(r, OP_XGETBV);
    case 0xd1:
      return system(c, r, OP_XSETBV);
    case 0xee:
      return set_op(r, OP_RDPKRU);
    case 0xef:
      return system(c, r, OP_WRPKRU);
    case 0xf8:
      if (load<u32>(c + C_CODE) == MODE_64) return system(c, r, OP_SWAPGS);
      return undefined_opcode(c, r);
    case 0xf9:
      return set_op(r, OP_RDTSCP);
    default:
      undefined_opcode(c, r);
  }
}

/** MOV to and from CRn and DRn: always a register, whatever mod says. */
function mov_system(c: u32, v: u32, r: u32, op: u32): void {
  const m = fetch_modrm(c);
  const size: u32 = load<u32>(c + C_CODE) == MODE_64 ? 3 : 2;
  set_size(r, size);
  set_imm(r, modrm_reg(c));
  store<u32>(r + R_REG, v + V_GPR + ((m & 7) | ((load<u32>(c + C_REX) & 1) << 3)) * 8);
  store<u32>(r + R_RM, load<u32>(r + R_REG));
  system(c, r, op);
}

function group15(c: u32, v: u32, r: u32): void {
  const _m = fetch_modrm(c);
  const operation = modrm_op(c);
  const prefixes = load<u32>(c + C_FLAGS);
  const osize = load<u32>(c + C_OSIZE);
  if (modrm_is_register(c)) {
    if (prefixes & RF_REP && operation < 4 && load<u32>(c + C_CODE) == MODE_64) {
      rm_operand(c, v, r, osize == 3 ? 3 : 2, READ);
      system(c, r, OP_RDFSBASE + operation);
      return;
    }
    if ((prefixes & (RF_REP | RF_REPNE | RF_66)) == 0 && operation >= 5) return set_op(r, OP_NOP); // LFENCE MFENCE SFENCE
    return undefined_opcode(c, r);
  }
  if (operation < 2 && (prefixes & (RF_REP | RF_REPNE | RF_66)) == 0) {
    rm_operand(c, v, r, osize, ADDRESS);
    return set_op(r, OP_FXSAVE + operation);
  }
  if (operation >= 2 && operation < 4 && prefixes == 0) {
    rm_operand(c, v, r, 2, operation == 2 ? READ : WRITE);
    return set_unit_op(c, r, operation == 2 ? OP_LDMXCSR : OP_STMXCSR, UNIT_SSE);
  }
  if (operation >= 4 && operation < 7 && (prefixes & (RF_REP | RF_REPNE | RF_66)) == 0) {
    rm_operand(c, v, r, osize, ADDRESS);
    ends(c);
    return set_op(r, operation == 4 ? OP_XSAVE : operation == 5 ? OP_XRSTOR : OP_XSAVEOPT);
  }
  if (operation == 7 && (prefixes & (RF_REP | RF_REPNE)) == 0) {
    rm_operand(c, v, r, 0, ADDRESS);
    return set_op(r, OP_CLFLUSH);
  }
  undefined_opcode(c, r);
}

/** Decodes the opcode behind 0F. */
export function decode_two_byte(c: u32, v: u32, r: u32): void {
  const op = next8(c);
  const osize = load<u32>(c + C_OSIZE);
  const code = load<u32>(c + C_CODE);
  const prefixes = load<u32>(c + C_FLAGS);
  if (op >= 0x80 && op < 0x90) return jcc(c, r, op & 15, false);
  if (op >= 0x40 && op < 0x50) {
    fetch_modrm(c);
    reg_from_rm(c, v, r, OP_CMOV + osize - 1);
    set_imm(r, op & 15);
    return;
  }
  if (op >= 0x90 && op < 0xa0) {
    fetch_modrm(c);
    rm_operand(c, v, r, 0, WRITE);
    set_imm(r, op & 15);
    return set_op(r, OP_SETCC);
  }
  if (op >= 0xc8 && op < 0xd0) {
    store<u32>(r + R_REG, v + V_GPR + ((op & 7) | ((load<u32>(c + C_REX) & 1) << 3)) * 8);
    store<u32>(r + R_RM, load<u32>(r + R_REG));
    return set_op(r, OP_BSWAP);
  }
  switch (op) {
    case 0x00:
      return group6(c, v, r);
    case 0x01:
      return group7(c, v, r);
    case 0x02:
    case 0x03:
      if (load<u32>(c + C_MODE) & MODE_REAL) return undefined_opcode(c, r);
      fetch_modrm(c);
      reg_operand(c, v, r, osize);
      rm_operand(c, v, r, modrm_is_register(c) ? osize : 1, READ);
      set_size(r, osize);
      set_op(r, op == 2 ? OP_LAR : OP_LSL);
      return;
    case 0x05:
      return system(c, r, OP_SYSCALL);
    case 0x06:
      return system(c, r, OP_CLTS);
    case 0x07:
      return system(c, r, OP_SYSRET);
    case 0x08:
    case 0x09:
      return system(c, r, OP_INVD);
    case 0x0d:
    case 0x18:
    case 0x19:
    case 0x1a:
    case 0x1b:
    case 0x1c:
    case 0x1d:
    case 0x1e:
    case 0x1f:
      // Prefetches, hint NOPs, ENDBR: the operand is decoded and not accessed.
      fetch_modrm(c);
      rm_operand(c, v, r, osize, ADDRESS);
      if (op == 0x0d && modrm_is_register(c)) return undefined_opcode(c, r);
      return set_op(r, OP_NOP);
    case 0x20:
      return mov_system(c, v, r, OP_MOV_FROM_CR);
    case 0x21:
      return mov_system(c, v, r, OP_MOV_FROM_DR);
    case 0x22:
      return mov_system(c, v, r, OP_MOV_TO_CR);
    case 0x23:
      return mov_system(c, v, r, OP_MOV_TO_DR);
    case 0x30:
      return system(c, r, OP_WRMSR);
    case 0x31:
      return set_op(r, OP_RDTSC);
    case 0x32:
      return system(c, r, OP_RDMSR);
    case 0x33:
      return set_op(r, OP_RDPMC);
    case 0x34:
      return system(c, r, OP_SYSENTER);
    case 0x35:
      return system(c, r, OP_SYSEXIT);
    case 0x38:
      return decode_0f38(c, v, r);
    case 0x3a:
      return decode_0f3a(c, v, r);
    case 0x77:
      return set_unit_op(c, r, OP_EMMS, UNIT_MMX);
    case 0xa0:
    case 0xa8:
      return decode_push_seg(c, r, op == 0xa0 ? FS : GS);
    case 0xa1:
    case 0xa9:
      return decode_pop_seg(c, r, op == 0xa1 ? FS : GS);
    case 0xa2:
      return set_op(r, OP_CPUID);
    case 0xa3:
    case 0xab:
    case 0xb3:
    case 0xbb: {
      fetch_modrm(c);
      const kind = (op >> 3) & 3; // 4 BT, 5 BTS, 6 BTR, 7 BTC
      reg_operand(c, v, r, osize);
      rm_operand(c, v, r, osize, ADDRESS);
      if (kind && !modrm_is_register(c)) store<u32>(c + C_LOCKABLE, 1);
      return set_op(r, OP_BT_R + kind);
    }
    case 0xa4:
    case 0xa5:
    case 0xac:
    case 0xad:
      fetch_modrm(c);
      reg_operand(c, v, r, osize);
      rm_operand(c, v, r, osize, MODIFY);
      if (op & 1) return set_op(r, op == 0xa5 ? OP_SHLD_CL : OP_SHRD_CL);
      set_imm(r, next8(c));
      return set_op(r, op == 0xa4 ? OP_SHLD : OP_SHRD);
    case 0xaa:
      return system(c, r, OP_RSM);
    case 0xae:
      return group15(c, v, r);
    case 0xaf:
      fetch_modrm(c);
      reg_operand(c, v, r, osize);
      rm_operand(c, v, r, osize, READ);
      return set_op(r, osize == 3 ? OP_IMUL_64 : osize == 2 ? OP_IMUL_32 : OP_IMUL2);
    case 0xb0:
    case 0xb1: {
      const size: u32 = op & 1 ? osize : 0;
      fetch_modrm(c);
      reg_operand(c, v, r, size);
      rm_operand(c, v, r, size, MODIFY);
      if (!modrm_is_register(c)) store<u32>(c + C_LOCKABLE, 1);
      return set_op(r, OP_CMPXCHG);
    }
    case 0xb2:
    case 0xb4:
    case 0xb5:
      fetch_modrm(c);
      return load_far(c, v, r, op == 0xb2 ? SS : op == 0xb4 ? FS : GS);
    case 0xb6:
    case 0xb7:
    case 0xbe:
    case 0xbf:
      fetch_modrm(c);
      reg_operand(c, v, r, osize);
      rm_operand(c, v, r, op & 1, READ);
      set_size(r, osize);
      return set_op(
        r,
        (op < 0xb8 ? (op & 1 ? OP_MOVZX16 : OP_MOVZX8) : op & 1 ? OP_MOVSX16 : OP_MOVSX8) + osize,
      );
    case 0xb8:
      fetch_modrm(c);
      if ((prefixes & RF_REP) == 0) return undefined_opcode(c, r);
      return reg_from_rm(c, v, r, OP_POPCNT);
    case 0xb9:
      fetch_modrm(c);
      rm_operand(c, v, r, osize, ADDRESS);
      return undefined_opcode(c, r); // UD1
    case 0xba: {
      fetch_modrm(c);
      const kind = modrm_op(c);
      if (kind < 4) return undefined_opcode(c, r);
      rm_operand(c, v, r, osize, kind == 4 ? READ : MODIFY);
      const lock = (prefixes & RF_LOCK) != 0 && !modrm_is_register(c) && kind > 4;
      set_imm(r, next8(c));
      store<u32>(r + R_REG, r + R_IMM);
      if (lock) store<u32>(c + C_LOCKABLE, 1);
      return set_op(r, lock ? OP_LOCK_BT + kind - 5 : OP_BT_I + kind - 4);
    }
    case 0xbc:
    case 0xbd:
      fetch_modrm(c);
      if (prefixes & RF_REP) return reg_from_rm(c, v, r, op == 0xbc ? OP_TZCNT : OP_LZCNT);
      return reg_from_rm(c, v, r, op == 0xbc ? OP_BSF : OP_BSR);
    case 0xc0:
    case 0xc1: {
      const size: u32 = op & 1 ? osize : 0;
      fetch_modrm(c);
      reg_operand(c, v, r, size);
      rm_operand(c, v, r, size, MODIFY);
      if (!modrm_is_register(c)) store<u32>(c + C_LOCKABLE, 1);
      return set_op(r, OP_XADD);
    }
    case 0xc3:
      fetch_modrm(c);
      if (modrm_is_register(c) || prefixes & (RF_66 | RF_REP | RF_REPNE)) return undefined_opcode(c, r);
      // MOVNTI: 32 bits, or 64 with REX.W.
      reg_operand(c, v, r, osize == 3 ? 3 : 2);
      rm_operand(c, v, r, osize == 3 ? 3 : 2, WRITE);
      return set_op(r, OP_MOV_STORE + (osize == 3 ? 3 : 2));
    case 0xc7: {
      fetch_modrm(c);
      const kind = modrm_op(c);
      if (modrm_is_register(c)) {
        if (kind == 7 && prefixes & RF_REP) {
          rm_operand(c, v, r, code == MODE_64 ? 3 : 2, WRITE);
          return set_op(r, OP_RDPID);
        }
        if (kind < 6 || prefixes & (RF_REP | RF_REPNE)) return undefined_opcode(c, r);
        rm_operand(c, v, r, osize, WRITE);
        return set_op(r, OP_RDRAND);
      }
      if (kind != 1) return undefined_opcode(c, r);
      const wide = osize == 3;
      rm_operand_bytes(c, v, r, wide ? 3 : 2, MODIFY, wide ? 16 : 8);
      store<u32>(c + C_LOCKABLE, 1);
      return set_op(r, wide ? OP_CMPXCHG16B : OP_CMPXCHG8B);
    }
    default:
      decode_simd_0f(c, v, r, op);
  }
}
