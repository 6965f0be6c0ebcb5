// One record in its general form: resolves the operand and executes the operation. The operations that programs are mostly
// made of are here, in alu_forms.ts and in near.ts; the rest is a call into their family (cold.ts). The quick forms are in dispatch.ts.
import {
  AM_32,
  AM_64_SEG,
  AM_FORM,
  AM_MOFFS,
  AM_NONE,
  AM_RIP,
  AM_STORES,
  FLOW_FAULT,
  FLOW_NEXT,
  R_AM,
  R_BASE,
  R_DISP,
  R_FLAGS,
  R_IMM,
  R_INDEX,
  R_OP,
  R_REG,
  R_RM,
  R_SCALE,
  R_SEG,
  R_SPAN,
  RF_RMW,
} from '../abi/insn';
import { TLB_ADDEND, TLB_ENTRIES, TLB_ENTRY_SIZE, TLB_WRITE } from '../abi/map';
import {
  OP_CALL,
  OP_CALL_RM,
  OP_CBW,
  OP_CDQ,
  OP_CMOV,
  OP_DEC,
  OP_END,
  OP_IMUL_32,
  OP_IMUL_64,
  OP_INC,
  OP_JCC,
  OP_JMP,
  OP_JMP_RM,
  OP_LEA_32,
  OP_LEA_64,
  OP_LEA_GENERIC,
  OP_MOV_LOAD,
  OP_MOV_STORE,
  OP_MOV_TO_REG,
  OP_MOVSX8,
  OP_MOVSX16,
  OP_MOVSXD,
  OP_MOVZX8,
  OP_MOVZX16,
  OP_NEG,
  OP_NOP,
  OP_NOT,
  OP_PACKED,
  OP_POP_R,
  OP_PUSH_R,
  OP_RET,
  OP_SAR_R32,
  OP_SAR_R64,
  OP_SETCC,
  OP_SHL_R32,
  OP_SHL_R64,
  OP_SHR_R32,
  OP_SHR_R64,
  OP_TEST,
  OP_X87,
  OP_XCHG_R,
} from '../abi/ops';
import { SEG_BASE, SEG_STRIDE, V_GPR, V_LEAVE, V_SEGS, V_TLB } from '../abi/vcpu_page';
import { RAX, RDX } from '../abi/x86';
import { condition, lazy_result, lazy_sub } from '../cpu/flags';
import {
  effective_address,
  finish_store,
  generic_operand,
  misaligned,
  read_signed,
  size_of,
  write_rm,
} from '../cpu/operands';
import { access_rights, access_slow, beside_code } from '../memory/access';
import { Alu, put } from './alu';
import { exec_alu } from './alu_forms';
import { exec_cold, exec_unit } from './cold';
import { mul_high_signed, note_product } from './muldiv';
import { exec_near, target_of } from './near';
import { leave, left } from './retire';
import { exec_x87, x87_operand_fault } from './x87';
import { Hot } from './x87_hot';

/** The operand in memory cannot be reached: what the instruction ends with. */
function operand_fault(v: u32, op: u32): u32 {
  return op >> 8 == OP_X87 >> 8 ? x87_operand_fault(v, op) : FLOW_FAULT;
}

/**
 * Executes the record `r` of the block whose records begin at `first`. FLOW_NEXT: the next one follows. FLOW_BRANCH: the
 * block is done, V_RIP and the budget say so. Else the run of blocks ends, with V_RIP and the budget exact.
 */
export function exec_record(v: u32, r: u32, first: u32): u32 {
  let flow: u32 = 0;
  const op: u32 = load<u16>(r + R_OP);
  const am: u32 = load<u8>(r + R_AM) & AM_FORM;
  let rm: u32 = 0;
  if (am == AM_NONE) {
    rm = load<u32>(r + R_RM);
  } else {
    let la: u64;
    if (am <= AM_64_SEG) {
      la =
        load<u64>(v + load<u16>(r + R_BASE)) +
        (load<u64>(v + load<u16>(r + R_INDEX)) << load<u8>(r + R_SCALE)) +
        (load<i32>(r + R_DISP) as i64 as u64);
      if (am == AM_32) la &= 0xffffffff;
      else if (am == AM_64_SEG) la += load<u64>(v + V_SEGS + load<u8>(r + R_SEG) * SEG_STRIDE + SEG_BASE);
    } else if (am == AM_RIP) {
      la = target_of(v, r);
    } else {
      rm = generic_operand(v, r, am == AM_MOFFS ? load<u64>(r + R_IMM) : effective_address(v, r));
      if (rm == 0) return leave(v, r, first, operand_fault(v, op));
      la = 0;
    }
    if (am <= AM_RIP) {
      const table = load<u32>(v + V_TLB);
      const span = load<u8>(r + R_SPAN);
      const tag: u32 = load<u8>(r + R_AM) & AM_STORES;
      const e = table + (((la >> 12) as u32) & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE;
      if (((la + span) & ~0xfff) == load<u64>(e + tag)) {
        rm = (la as u32) + load<u32>(e + TLB_ADDEND);
      } else {
        rm = tag == TLB_WRITE ? beside_code(v, table, la, span) : 0;
        if (rm == 0) {
          if (misaligned(v, r, la)) return leave(v, r, first, FLOW_FAULT);
          rm = access_slow(
            v,
            table,
            la,
            tag,
            span,
            load<u8>(r + R_SEG),
            (load<u16>(r + R_FLAGS) & RF_RMW) != 0,
            access_rights(v),
          );
          if (rm == 0) return leave(v, r, first, operand_fault(v, op));
        }
      }
    }
  }
  switch (op) {
    case OP_TEST + 0:
      Alu.and<i8>(v, rm, load<u32>(r + R_REG));
      break;
    case OP_TEST + 1:
      Alu.and<i16>(v, rm, load<u32>(r + R_REG));
      break;
    case OP_TEST + 2:
      Alu.and<i32>(v, rm, load<u32>(r + R_REG));
      break;
    case OP_TEST + 3:
      Alu.and<i64>(v, rm, load<u32>(r + R_REG));
      break;
    case OP_MOV_TO_REG + 0:
      put<u8>(rm, load<u8>(load<u32>(r + R_REG)));
      break;
    case OP_MOV_TO_REG + 1:
      put<u16>(rm, load<u16>(load<u32>(r + R_REG)));
      break;
    case OP_MOV_TO_REG + 2:
      put<u32>(rm, load<u32>(load<u32>(r + R_REG)));
      break;
    case OP_MOV_TO_REG + 3:
      put<u64>(rm, load<u64>(load<u32>(r + R_REG)));
      break;
    case OP_MOV_STORE + 0:
      store<u8>(rm, load<u8>(load<u32>(r + R_REG)));
      break;
    case OP_MOV_STORE + 1:
      store<u16>(rm, load<u16>(load<u32>(r + R_REG)));
      break;
    case OP_MOV_STORE + 2:
      store<u32>(rm, load<u32>(load<u32>(r + R_REG)));
      break;
    case OP_MOV_STORE + 3:
      store<u64>(rm, load<u64>(load<u32>(r + R_REG)));
      break;
    case OP_MOV_LOAD + 0:
      put<u8>(load<u32>(r + R_REG), load<u8>(rm));
      break;
    case OP_MOV_LOAD + 1:
      put<u16>(load<u32>(r + R_REG), load<u16>(rm));
      break;
    case OP_MOV_LOAD + 2:
      put<u32>(load<u32>(r + R_REG), load<u32>(rm));
      break;
    case OP_MOV_LOAD + 3:
      put<u64>(load<u32>(r + R_REG), load<u64>(rm));
      break;
    case OP_MOVZX8 + 1:
      put<u16>(load<u32>(r + R_REG), load<u8>(rm) as u16);
      break;
    case OP_MOVZX8 + 2:
      put<u32>(load<u32>(r + R_REG), load<u8>(rm) as u32);
      break;
    case OP_MOVZX8 + 3:
      put<u64>(load<u32>(r + R_REG), load<u8>(rm) as u64);
      break;
    case OP_MOVZX16 + 1:
      put<u16>(load<u32>(r + R_REG), load<u16>(rm) as u16);
      break;
    case OP_MOVZX16 + 2:
      put<u32>(load<u32>(r + R_REG), load<u16>(rm) as u32);
      break;
    case OP_MOVZX16 + 3:
      put<u64>(load<u32>(r + R_REG), load<u16>(rm) as u64);
      break;
    case OP_MOVSX8 + 1:
      put<u16>(load<u32>(r + R_REG), load<i8>(rm) as u16);
      break;
    case OP_MOVSX8 + 2:
      put<u32>(load<u32>(r + R_REG), load<i8>(rm) as u32);
      break;
    case OP_MOVSX8 + 3:
      put<u64>(load<u32>(r + R_REG), load<i8>(rm) as u64);
      break;
    case OP_MOVSX16 + 1:
      put<u16>(load<u32>(r + R_REG), load<i16>(rm) as u16);
      break;
    case OP_MOVSX16 + 2:
      put<u32>(load<u32>(r + R_REG), load<i16>(rm) as u32);
      break;
    case OP_MOVSX16 + 3:
      put<u64>(load<u32>(r + R_REG), load<i16>(rm) as u64);
      break;
    case OP_INC + 0:
      put<i8>(rm, Alu.inc<i8>(v, rm));
      break;
    case OP_INC + 1:
      store<i8>(rm, Alu.inc<i8>(v, rm));
      break;
    case OP_INC + 2:
      put<i16>(rm, Alu.inc<i16>(v, rm));
      break;
    case OP_INC + 3:
      store<i16>(rm, Alu.inc<i16>(v, rm));
      break;
    case OP_INC + 4:
      put<i32>(rm, Alu.inc<i32>(v, rm));
      break;
    case OP_INC + 5:
      store<i32>(rm, Alu.inc<i32>(v, rm));
      break;
    case OP_INC + 6:
      put<i64>(rm, Alu.inc<i64>(v, rm));
      break;
    case OP_INC + 7:
      store<i64>(rm, Alu.inc<i64>(v, rm));
      break;
    case OP_DEC + 0:
      put<i8>(rm, Alu.dec<i8>(v, rm));
      break;
    case OP_DEC + 1:
      store<i8>(rm, Alu.dec<i8>(v, rm));
      break;
    case OP_DEC + 2:
      put<i16>(rm, Alu.dec<i16>(v, rm));
      break;
    case OP_DEC + 3:
      store<i16>(rm, Alu.dec<i16>(v, rm));
      break;
    case OP_DEC + 4:
      put<i32>(rm, Alu.dec<i32>(v, rm));
      break;
    case OP_DEC + 5:
      store<i32>(rm, Alu.dec<i32>(v, rm));
      break;
    case OP_DEC + 6:
      put<i64>(rm, Alu.dec<i64>(v, rm));
      break;
    case OP_DEC + 7:
      store<i64>(rm, Alu.dec<i64>(v, rm));
      break;
    case OP_XCHG_R + 0: {
      const d = load<u32>(r + R_REG);
      const old = load<u8>(rm);
      put<u8>(rm, load<u8>(d));
      put<u8>(d, old);
      break;
    }
    case OP_XCHG_R + 1: {
      const d = load<u32>(r + R_REG);
      const old = load<u16>(rm);
      put<u16>(rm, load<u16>(d));
      put<u16>(d, old);
      break;
    }
    case OP_XCHG_R + 2: {
      const d = load<u32>(r + R_REG);
      const old = load<u32>(rm);
      put<u32>(rm, load<u32>(d));
      put<u32>(d, old);
      break;
    }
    case OP_XCHG_R + 3: {
      const d = load<u32>(r + R_REG);
      const old = load<u64>(rm);
      put<u64>(rm, load<u64>(d));
      put<u64>(d, old);
      break;
    }
    case OP_MOVSXD:
      store<i64>(load<u32>(r + R_REG), load<i32>(rm) as i64);
      break;
    case OP_LEA_64:
      store<u64>(
        load<u32>(r + R_REG),
        load<u64>(v + load<u16>(r + R_BASE)) +
          (load<u64>(v + load<u16>(r + R_INDEX)) << load<u8>(r + R_SCALE)) +
          (load<i32>(r + R_DISP) as i64 as u64),
      );
      break;
    case OP_LEA_32: {
      const scaled: u32 = load<u32>(v + load<u16>(r + R_INDEX)) << load<u8>(r + R_SCALE);
      const ea: u32 = load<u32>(v + load<u16>(r + R_BASE)) + scaled + load<u32>(r + R_DISP);
      store<u64>(load<u32>(r + R_REG), ea as u64);
      break;
    }
    case OP_LEA_GENERIC: {
      const d = load<u32>(r + R_REG);
      const ea = effective_address(v, r);
      const size = size_of(r);
      if (size == 2) store<u64>(d, ea & 0xffffffff);
      else if (size == 3) store<u64>(d, ea);
      else store<u16>(d, ea as u16);
      break;
    }
    case OP_JMP:
    case OP_JCC:
    case OP_CALL:
    case OP_RET:
    case OP_PUSH_R:
    case OP_POP_R:
    case OP_JMP_RM:
    case OP_CALL_RM:
    case OP_END:
      return exec_near(v, r, first, op, rm);
    case OP_SHL_R32: {
      const n = load<u32>(r + R_IMM);
      const a = load<u32>(rm);
      const res = a << n;
      const cf = (a >> (32 - n)) & 1;
      store<u64>(rm, res as u64);
      lazy_result(v, res as i32 as i64, cf | (((a ^ (a << 1)) >> 31) << 11));
      break;
    }
    case OP_SHR_R32: {
      const n = load<u32>(r + R_IMM);
      const a = load<u32>(rm);
      const res = a >> n;
      store<u64>(rm, res as u64);
      lazy_result(v, res as i32 as i64, ((a >> (n - 1)) & 1) | ((a >> 31) << 11));
      break;
    }
    case OP_SAR_R32: {
      const n = load<u32>(r + R_IMM);
      const a = load<i32>(rm);
      const res = a >> n;
      store<u64>(rm, res as u32 as u64);
      lazy_result(v, res as i64, (a >> (n - 1)) & 1);
      break;
    }
    case OP_SHL_R64: {
      const n = load<u64>(r + R_IMM);
      const a = load<u64>(rm);
      const res = a << n;
      const cf = ((a >> (64 - n)) & 1) as u32;
      store<u64>(rm, res);
      lazy_result(v, res as i64, cf | ((((a ^ (a << 1)) >> 63) as u32) << 11));
      break;
    }
    case OP_SHR_R64: {
      const n = load<u64>(r + R_IMM);
      const a = load<u64>(rm);
      const res = a >> n;
      store<u64>(rm, res);
      lazy_result(v, res as i64, (((a >> (n - 1)) & 1) as u32) | (((a >> 63) as u32) << 11));
      break;
    }
    case OP_SAR_R64: {
      const n = load<i64>(r + R_IMM);
      const a = load<i64>(rm);
      const res = a >> n;
      store<i64>(rm, res);
      lazy_result(v, res, ((a >> (n - 1)) & 1) as u32);
      break;
    }
    case OP_SETCC:
      store<u8>(rm, condition(v, load<u32>(r + R_IMM)) as u8);
      break;
    case OP_CMOV:
      if (condition(v, load<u32>(r + R_IMM))) store<u16>(load<u32>(r + R_REG), load<u16>(rm));
      break;
    case OP_CMOV + 1: {
      // The upper half is cleared whether or not the condition holds.
      const d = load<u32>(r + R_REG);
      store<u64>(d, (condition(v, load<u32>(r + R_IMM)) ? load<u32>(rm) : load<u32>(d)) as u64);
      break;
    }
    case OP_CMOV + 2:
      if (condition(v, load<u32>(r + R_IMM))) store<u64>(load<u32>(r + R_REG), load<u64>(rm));
      break;
    case OP_NOP:
      break;
    case OP_CDQ:
      store<u16>(v + V_GPR + RDX * 8, (load<i16>(v + V_GPR + RAX * 8) >> 15) as u16);
      break;
    case OP_CDQ + 1:
      store<u64>(v + V_GPR + RDX * 8, (load<i32>(v + V_GPR + RAX * 8) >> 31) as u32 as u64);
      break;
    case OP_CDQ + 2:
      store<i64>(v + V_GPR + RDX * 8, load<i64>(v + V_GPR + RAX * 8) >> 63);
      break;
    case OP_CBW:
      store<i16>(v + V_GPR + RAX * 8, load<i8>(v + V_GPR + RAX * 8));
      break;
    case OP_CBW + 1:
      store<u64>(v + V_GPR + RAX * 8, load<i16>(v + V_GPR + RAX * 8) as i32 as u32 as u64);
      break;
    case OP_CBW + 2:
      store<i64>(v + V_GPR + RAX * 8, load<i32>(v + V_GPR + RAX * 8) as i64);
      break;
    case OP_IMUL_32: {
      const d = load<u32>(r + R_REG);
      const product = (load<i32>(d) as i64) * (load<i32>(rm) as i64);
      const low = product as i32 as i64;
      store<u64>(d, (product as u64) & 0xffffffff);
      note_product(v, low, low != product);
      break;
    }
    case OP_IMUL_64: {
      const d = load<u32>(r + R_REG);
      const a = load<i64>(d);
      const m = load<i64>(rm);
      const product = a * m;
      store<i64>(d, product);
      note_product(v, product, mul_high_signed(a, m) != product >> 63);
      break;
    }
    case OP_NOT:
    case OP_NOT + 1:
    case OP_NOT + 2:
    case OP_NOT + 3:
      flow = write_rm(v, r, rm, ~(read_signed(rm, size_of(r)) as u64));
      if (flow) return leave(v, r, first, flow);
      break;
    case OP_NEG:
    case OP_NEG + 1:
    case OP_NEG + 2:
    case OP_NEG + 3: {
      const size = size_of(r);
      const a = read_signed(rm, size);
      const shift: i64 = 64 - (8 << size);
      const res = (-a << shift) >> shift;
      flow = write_rm(v, r, rm, res as u64);
      lazy_sub(v, 0, a, res);
      if (flow) return leave(v, r, first, flow);
      break;
    }
    default:
      if (op < OP_TEST) {
        exec_alu(v, r, op, rm);
        break;
      }
      if (op < OP_X87) {
        flow = exec_cold(v, r, op, rm);
      } else if (op < OP_PACKED) {
        if (Hot.execute(v, r, op, rm)) break;
        flow = exec_x87(v, r, op, rm);
      } else {
        flow = exec_unit(v, r, op, rm);
      }
      if (flow == FLOW_NEXT && load<u32>(v + V_LEAVE) == 0) break;
      return left(v, r, first, flow);
  }
  // One look for every store above: code that was written over, MMIO, page crossings, data breakpoints.
  if (am != AM_NONE && load<u32>(v + V_LEAVE)) {
    flow = finish_store(v);
    if (flow) return leave(v, r, first, flow);
  }
  return FLOW_NEXT;
}
