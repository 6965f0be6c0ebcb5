// The dispatcher: executes the records of a block and runs on into the blocks that follow. Quick forms are executed here,
// everything else by its general form (general.ts).
import {
  B_HVA,
  BLOCK_HEADER,
  FLOW_BRANCH,
  FLOW_NEXT,
  FLOW_STOP,
  R_DISP,
  R_IMM,
  R_LEN,
  R_LINK_TAKEN,
  R_OFF,
  R_OP,
  R_QUICK,
  R_REG,
  R_RM,
  R_SEG,
  RECORD_SIZE,
} from '../abi/insn';
import { TLB_ADDEND, TLB_READ, TLB_WRITE } from '../abi/map';
import {
  Q_ADC_32,
  Q_ADC_32_M,
  Q_ADC_64,
  Q_ADC_64_M,
  Q_ADD_32,
  Q_ADD_32_J,
  Q_ADD_32_M,
  Q_ADD_32_N,
  Q_ADD_32_X,
  Q_ADD_64,
  Q_ADD_64_J,
  Q_ADD_64_M,
  Q_ADD_64_N,
  Q_ADD_64_X,
  Q_AND_32,
  Q_AND_32_J,
  Q_AND_32_M,
  Q_AND_32_N,
  Q_AND_64,
  Q_AND_64_J,
  Q_AND_64_M,
  Q_AND_64_N,
  Q_CALL_32,
  Q_CALL_64,
  Q_CMOV_32,
  Q_CMOV_32_M,
  Q_CMOV_64,
  Q_CMOV_64_M,
  Q_CMP_8,
  Q_CMP_8_J,
  Q_CMP_32,
  Q_CMP_32_J,
  Q_CMP_64,
  Q_CMP_64_J,
  Q_CMP_M_8,
  Q_CMP_M_8_J,
  Q_CMP_M_32,
  Q_CMP_M_32_J,
  Q_CMP_M_64,
  Q_CMP_M_64_J,
  Q_CMP_R_32,
  Q_CMP_R_32_J,
  Q_CMP_R_64,
  Q_CMP_R_64_J,
  Q_DEC_32,
  Q_DEC_32_J,
  Q_DEC_32_N,
  Q_DEC_64,
  Q_DEC_64_J,
  Q_DEC_64_N,
  Q_IMUL_32,
  Q_IMUL_32_N,
  Q_IMUL_64,
  Q_IMUL_64_N,
  Q_INC_32,
  Q_INC_32_N,
  Q_INC_64,
  Q_INC_64_N,
  Q_JCC,
  Q_JCC_FAR,
  Q_JMP,
  Q_JMP_FAR,
  Q_JNZ,
  Q_JZ,
  Q_LEA_32,
  Q_LEA_64,
  Q_LOAD_8,
  Q_LOAD_16,
  Q_LOAD_32,
  Q_LOAD_32_X,
  Q_LOAD_64,
  Q_LOAD_64_X,
  Q_LOAD_SX_64,
  Q_LOAD_ZX8,
  Q_LOAD_ZX8_X,
  Q_LOAD_ZX16,
  Q_LOAD_ZX16_X,
  Q_MOV_32,
  Q_MOV_64,
  Q_NEG_32,
  Q_NEG_64,
  Q_NOP,
  Q_NOT_32,
  Q_NOT_64,
  Q_OR_32,
  Q_OR_32_M,
  Q_OR_32_N,
  Q_OR_64,
  Q_OR_64_M,
  Q_OR_64_N,
  Q_POP_32,
  Q_POP_64,
  Q_PORT,
  Q_PUSH_32,
  Q_PUSH_64,
  Q_RET_32,
  Q_RET_64,
  Q_SAR_32,
  Q_SAR_32_C,
  Q_SAR_32_N,
  Q_SAR_64,
  Q_SAR_64_C,
  Q_SAR_64_N,
  Q_SBB_32,
  Q_SBB_32_M,
  Q_SBB_64,
  Q_SBB_64_M,
  Q_SETCC,
  Q_SHL_32,
  Q_SHL_32_C,
  Q_SHL_32_N,
  Q_SHL_64,
  Q_SHL_64_C,
  Q_SHL_64_N,
  Q_SHR_32,
  Q_SHR_32_C,
  Q_SHR_32_N,
  Q_SHR_64,
  Q_SHR_64_C,
  Q_SHR_64_N,
  Q_STORE_8,
  Q_STORE_8_X,
  Q_STORE_16,
  Q_STORE_16_X,
  Q_STORE_32,
  Q_STORE_32_X,
  Q_STORE_64,
  Q_STORE_64_X,
  Q_SUB_32,
  Q_SUB_32_J,
  Q_SUB_32_M,
  Q_SUB_32_N,
  Q_SUB_64,
  Q_SUB_64_J,
  Q_SUB_64_M,
  Q_SUB_64_N,
  Q_SX_64,
  Q_SX8_32,
  Q_TEST_8,
  Q_TEST_8_J,
  Q_TEST_32,
  Q_TEST_32_J,
  Q_TEST_64,
  Q_TEST_64_J,
  Q_TEST_M_8,
  Q_TEST_M_8_J,
  Q_TEST_M_32,
  Q_TEST_M_32_J,
  Q_XOR_32,
  Q_XOR_32_M,
  Q_XOR_32_N,
  Q_XOR_32_X,
  Q_XOR_64,
  Q_XOR_64_M,
  Q_XOR_64_N,
  Q_XOR_64_X,
  Q_ZX8,
  Q_ZX16,
} from '../abi/quick';
import { V_CURRENT_RECORD, V_GPR, V_LEAVE, V_LF_KIND, V_LF_RES, V_REQUESTS, V_RIP } from '../abi/vcpu_page';
import { RCX, RSP } from '../abi/x86';
import { condition } from '../cpu/flags';
import { is_ready, next_block } from '../decode/block';
import { store_rang } from '../memory/mmio';
import { canonical } from '../state/vcpu';
import { Alu, put } from './alu';
import { exec_record } from './general';
import { exec_io } from './io';
import { mul_high_signed, note_product } from './muldiv';
import { target_of } from './near';
import { Quick } from './quick';
import { leave, left, retire } from './retire';
import { Shift } from './shift_hot';

/** The block at V_RIP when it may run now. The scratch block runs alone: a single step, or what is left of a budget. */
function resume(v: u32, first: u32): u32 {
  return load<u32>(first - BLOCK_HEADER + B_HVA) == u32.MAX_VALUE ? 0 : next_block(v);
}

/** The block that the record `r` is linked to, when it may run now; else 0, and what is found at V_RIP will be linked. */
function linked(v: u32, r: u32): u32 {
  const b = load<u32>(r + R_LINK_TAKEN);
  if (b == 0) {
    store<u32>(v + V_CURRENT_RECORD, r + R_LINK_TAKEN);
    return 0;
  }
  return load<u32>(v + V_REQUESTS) == 0 && is_ready(v, b) ? b : 0;
}

/** A branch inside the page: the block that follows, or 0 with V_RIP set. */
function near(v: u32, r: u32, first: u32): u32 {
  retire(v, r, first, 1);
  store<u64>(v + V_RIP, load<u64>(v + V_RIP) + Quick.delta(r));
  return linked(v, r);
}

/** A branch to `target` anywhere. */
function follow(v: u32, r: u32, first: u32, target: u64): u32 {
  retire(v, r, first, 1);
  const same_page = ((load<u64>(v + V_RIP) ^ target) & ~0xfff) == 0;
  store<u64>(v + V_RIP, target);
  return same_page ? linked(v, r) : resume(v, first);
}

/**
 * Executes from block `b` until something else than another block must follow. Returns why; V_RIP is exact.
 */
export function exec_block(v: u32, b: u32): u32 {
  let first = b + BLOCK_HEADER;
  let r = first;
  while (true) {
    const form: u32 = load<u8>(r + R_QUICK);
    switch (form) {
      case Q_MOV_32:
        store<u64>(load<u32>(r + R_RM), load<u32>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      case Q_MOV_64:
        store<u64>(load<u32>(r + R_RM), load<u64>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      case Q_ADD_32: {
        const d = load<u32>(r + R_RM);
        put<i32>(d, Alu.add<i32>(v, d, load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_ADD_64: {
        const d = load<u32>(r + R_RM);
        put<i64>(d, Alu.add<i64>(v, d, load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_OR_32: {
        const d = load<u32>(r + R_RM);
        put<i32>(d, Alu.or<i32>(v, d, load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_OR_64: {
        const d = load<u32>(r + R_RM);
        put<i64>(d, Alu.or<i64>(v, d, load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_ADC_32: {
        const d = load<u32>(r + R_RM);
        put<i32>(d, Alu.adc<i32>(v, d, load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_ADC_64: {
        const d = load<u32>(r + R_RM);
        put<i64>(d, Alu.adc<i64>(v, d, load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_SBB_32: {
        const d = load<u32>(r + R_RM);
        put<i32>(d, Alu.sbb<i32>(v, d, load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_SBB_64: {
        const d = load<u32>(r + R_RM);
        put<i64>(d, Alu.sbb<i64>(v, d, load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_AND_32: {
        const d = load<u32>(r + R_RM);
        put<i32>(d, Alu.and<i32>(v, d, load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_AND_64: {
        const d = load<u32>(r + R_RM);
        put<i64>(d, Alu.and<i64>(v, d, load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_SUB_32: {
        const d = load<u32>(r + R_RM);
        put<i32>(d, Alu.sub<i32>(v, d, load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_SUB_64: {
        const d = load<u32>(r + R_RM);
        put<i64>(d, Alu.sub<i64>(v, d, load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_XOR_32: {
        const d = load<u32>(r + R_RM);
        put<i32>(d, Alu.xor<i32>(v, d, load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_XOR_64: {
        const d = load<u32>(r + R_RM);
        put<i64>(d, Alu.xor<i64>(v, d, load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_CMP_32:
        Alu.sub<i32>(v, load<u32>(r + R_RM), load<u32>(r + R_REG));
        r += RECORD_SIZE;
        continue;
      case Q_CMP_64:
        Alu.sub<i64>(v, load<u32>(r + R_RM), load<u32>(r + R_REG));
        r += RECORD_SIZE;
        continue;
      case Q_TEST_32:
        Alu.and<i32>(v, load<u32>(r + R_RM), load<u32>(r + R_REG));
        r += RECORD_SIZE;
        continue;
      case Q_TEST_64:
        Alu.and<i64>(v, load<u32>(r + R_RM), load<u32>(r + R_REG));
        r += RECORD_SIZE;
        continue;
      case Q_CMP_8:
        Alu.sub<i8>(v, load<u32>(r + R_RM), load<u32>(r + R_REG));
        r += RECORD_SIZE;
        continue;
      case Q_TEST_8:
        Alu.and<i8>(v, load<u32>(r + R_RM), load<u32>(r + R_REG));
        r += RECORD_SIZE;
        continue;
      case Q_INC_32: {
        const d = load<u32>(r + R_RM);
        put<i32>(d, Alu.inc<i32>(v, d));
        r += RECORD_SIZE;
        continue;
      }
      case Q_INC_64: {
        const d = load<u32>(r + R_RM);
        put<i64>(d, Alu.inc<i64>(v, d));
        r += RECORD_SIZE;
        continue;
      }
      case Q_DEC_32: {
        const d = load<u32>(r + R_RM);
        put<i32>(d, Alu.dec<i32>(v, d));
        r += RECORD_SIZE;
        continue;
      }
      case Q_DEC_64: {
        const d = load<u32>(r + R_RM);
        put<i64>(d, Alu.dec<i64>(v, d));
        r += RECORD_SIZE;
        continue;
      }
      case Q_NEG_32: {
        const d = load<u32>(r + R_RM);
        put<i32>(d, Alu.neg<i32>(v, d));
        r += RECORD_SIZE;
        continue;
      }
      case Q_NEG_64: {
        const d = load<u32>(r + R_RM);
        put<i64>(d, Alu.neg<i64>(v, d));
        r += RECORD_SIZE;
        continue;
      }
      case Q_NOT_32: {
        const d = load<u32>(r + R_RM);
        put<u32>(d, ~load<u32>(d));
        r += RECORD_SIZE;
        continue;
      }
      case Q_NOT_64: {
        const d = load<u32>(r + R_RM);
        put<u64>(d, ~load<u64>(d));
        r += RECORD_SIZE;
        continue;
      }
      case Q_SHL_32:
        Shift.shl32(v, load<u32>(r + R_RM), load<u32>(r + R_IMM));
        r += RECORD_SIZE;
        continue;
      case Q_SHR_32:
        Shift.shr32(v, load<u32>(r + R_RM), load<u32>(r + R_IMM));
        r += RECORD_SIZE;
        continue;
      case Q_SAR_32:
        Shift.sar32(v, load<u32>(r + R_RM), load<u32>(r + R_IMM));
        r += RECORD_SIZE;
        continue;
      case Q_SHL_64:
        Shift.shl64(v, load<u32>(r + R_RM), load<u64>(r + R_IMM));
        r += RECORD_SIZE;
        continue;
      case Q_SHR_64:
        Shift.shr64(v, load<u32>(r + R_RM), load<u64>(r + R_IMM));
        r += RECORD_SIZE;
        continue;
      case Q_SAR_64:
        Shift.sar64(v, load<u32>(r + R_RM), load<u64>(r + R_IMM));
        r += RECORD_SIZE;
        continue;
      case Q_LEA_32:
        store<u64>(load<u32>(r + R_REG), Shift.lea32(v, r) as u64);
        r += RECORD_SIZE;
        continue;
      case Q_LEA_64:
        store<u64>(load<u32>(r + R_REG), Shift.lea64(v, r));
        r += RECORD_SIZE;
        continue;
      case Q_ZX8:
        store<u64>(load<u32>(r + R_REG), load<u8>(load<u32>(r + R_RM)));
        r += RECORD_SIZE;
        continue;
      case Q_ZX16:
        store<u64>(load<u32>(r + R_REG), load<u16>(load<u32>(r + R_RM)));
        r += RECORD_SIZE;
        continue;
      case Q_SX8_32:
        store<u64>(load<u32>(r + R_REG), load<i8>(load<u32>(r + R_RM)) as i32 as u32 as u64);
        r += RECORD_SIZE;
        continue;
      case Q_SX_64:
        store<i64>(load<u32>(r + R_REG), load<i32>(load<u32>(r + R_RM)) as i64);
        r += RECORD_SIZE;
        continue;
      case Q_NOP:
        r += RECORD_SIZE;
        continue;
      case Q_SHL_32_C: {
        const n: u32 = load<u8>(v + V_GPR + RCX * 8) & 31;
        if (n == 0) break;
        Shift.shl32(v, load<u32>(r + R_RM), n);
        r += RECORD_SIZE;
        continue;
      }
      case Q_SHL_64_C: {
        const n: u64 = load<u8>(v + V_GPR + RCX * 8) & 63;
        if (n == 0) break;
        Shift.shl64(v, load<u32>(r + R_RM), n);
        r += RECORD_SIZE;
        continue;
      }
      case Q_SHR_32_C: {
        const n: u32 = load<u8>(v + V_GPR + RCX * 8) & 31;
        if (n == 0) break;
        Shift.shr32(v, load<u32>(r + R_RM), n);
        r += RECORD_SIZE;
        continue;
      }
      case Q_SHR_64_C: {
        const n: u64 = load<u8>(v + V_GPR + RCX * 8) & 63;
        if (n == 0) break;
        Shift.shr64(v, load<u32>(r + R_RM), n);
        r += RECORD_SIZE;
        continue;
      }
      case Q_SAR_32_C: {
        const n: u32 = load<u8>(v + V_GPR + RCX * 8) & 31;
        if (n == 0) break;
        Shift.sar32(v, load<u32>(r + R_RM), n);
        r += RECORD_SIZE;
        continue;
      }
      case Q_SAR_64_C: {
        const n: u64 = load<u8>(v + V_GPR + RCX * 8) & 63;
        if (n == 0) break;
        Shift.sar64(v, load<u32>(r + R_RM), n);
        r += RECORD_SIZE;
        continue;
      }
      case Q_IMUL_32: {
        const d = load<u32>(r + R_REG);
        const product = (load<i32>(d) as i64) * (load<i32>(load<u32>(r + R_RM)) as i64);
        const low = product as i32 as i64;
        store<u64>(d, (product as u64) & 0xffffffff);
        note_product(v, low, low != product);
        r += RECORD_SIZE;
        continue;
      }
      case Q_IMUL_64: {
        const d = load<u32>(r + R_REG);
        const a = load<i64>(d);
        const m = load<i64>(load<u32>(r + R_RM));
        const product = a * m;
        store<i64>(d, product);
        note_product(v, product, mul_high_signed(a, m) != product >> 63);
        r += RECORD_SIZE;
        continue;
      }
      case Q_SETCC:
        store<u8>(load<u32>(r + R_RM), condition(v, load<u32>(r + R_IMM)) as u8);
        r += RECORD_SIZE;
        continue;
      case Q_CMOV_32: {
        const d = load<u32>(r + R_REG);
        const from = condition(v, load<u32>(r + R_IMM)) ? load<u32>(r + R_RM) : d;
        store<u64>(d, load<u32>(from));
        r += RECORD_SIZE;
        continue;
      }
      case Q_CMOV_64:
        if (condition(v, load<u32>(r + R_IMM)))
          store<u64>(load<u32>(r + R_REG), load<u64>(load<u32>(r + R_RM)));
        r += RECORD_SIZE;
        continue;
      case Q_ADD_32_N: {
        const d = load<u32>(r + R_RM);
        put<u32>(d, load<u32>(d) + load<u32>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_ADD_64_N: {
        const d = load<u32>(r + R_RM);
        put<u64>(d, load<u64>(d) + load<u64>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_OR_32_N: {
        const d = load<u32>(r + R_RM);
        put<u32>(d, load<u32>(d) | load<u32>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_OR_64_N: {
        const d = load<u32>(r + R_RM);
        put<u64>(d, load<u64>(d) | load<u64>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_AND_32_N: {
        const d = load<u32>(r + R_RM);
        put<u32>(d, load<u32>(d) & load<u32>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_AND_64_N: {
        const d = load<u32>(r + R_RM);
        put<u64>(d, load<u64>(d) & load<u64>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_SUB_32_N: {
        const d = load<u32>(r + R_RM);
        put<u32>(d, load<u32>(d) - load<u32>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_SUB_64_N: {
        const d = load<u32>(r + R_RM);
        put<u64>(d, load<u64>(d) - load<u64>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_XOR_32_N: {
        const d = load<u32>(r + R_RM);
        put<u32>(d, load<u32>(d) ^ load<u32>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_XOR_64_N: {
        const d = load<u32>(r + R_RM);
        put<u64>(d, load<u64>(d) ^ load<u64>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_INC_32_N: {
        const d = load<u32>(r + R_RM);
        put<u32>(d, load<u32>(d) + 1);
        r += RECORD_SIZE;
        continue;
      }
      case Q_INC_64_N: {
        const d = load<u32>(r + R_RM);
        put<u64>(d, load<u64>(d) + 1);
        r += RECORD_SIZE;
        continue;
      }
      case Q_DEC_32_N: {
        const d = load<u32>(r + R_RM);
        put<u32>(d, load<u32>(d) - 1);
        r += RECORD_SIZE;
        continue;
      }
      case Q_DEC_64_N: {
        const d = load<u32>(r + R_RM);
        put<u64>(d, load<u64>(d) - 1);
        r += RECORD_SIZE;
        continue;
      }
      case Q_SHL_32_N: {
        const d = load<u32>(r + R_RM);
        put<u32>(d, load<u32>(d) << load<u32>(r + R_IMM));
        r += RECORD_SIZE;
        continue;
      }
      case Q_SHR_32_N: {
        const d = load<u32>(r + R_RM);
        put<u32>(d, load<u32>(d) >> load<u32>(r + R_IMM));
        r += RECORD_SIZE;
        continue;
      }
      case Q_SAR_32_N: {
        const d = load<u32>(r + R_RM);
        put<i32>(d, load<i32>(d) >> load<i32>(r + R_IMM));
        r += RECORD_SIZE;
        continue;
      }
      case Q_SHL_64_N: {
        const d = load<u32>(r + R_RM);
        put<u64>(d, load<u64>(d) << load<u64>(r + R_IMM));
        r += RECORD_SIZE;
        continue;
      }
      case Q_SHR_64_N: {
        const d = load<u32>(r + R_RM);
        put<u64>(d, load<u64>(d) >> load<u64>(r + R_IMM));
        r += RECORD_SIZE;
        continue;
      }
      case Q_SAR_64_N: {
        const d = load<u32>(r + R_RM);
        put<i64>(d, load<i64>(d) >> load<i64>(r + R_IMM));
        r += RECORD_SIZE;
        continue;
      }
      case Q_IMUL_32_N: {
        const d = load<u32>(r + R_REG);
        put<u32>(d, load<u32>(d) * load<u32>(load<u32>(r + R_RM)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_IMUL_64_N: {
        const d = load<u32>(r + R_REG);
        put<u64>(d, load<u64>(d) * load<u64>(load<u32>(r + R_RM)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_PUSH_64: {
        const sp = load<u64>(v + V_GPR + RSP * 8) - 8;
        const e = Quick.entry(v, sp);
        if (!Quick.allows(e, TLB_WRITE, sp, 7)) break;
        const value = load<u64>(load<u32>(r + R_REG));
        store<u64>((sp as u32) + load<u32>(e + TLB_ADDEND), value);
        store<u64>(v + V_GPR + RSP * 8, sp);
        r += RECORD_SIZE;
        continue;
      }
      case Q_PUSH_32: {
        const sp = (load<u64>(v + V_GPR + RSP * 8) - 4) & 0xffffffff;
        const e = Quick.entry(v, sp);
        if (!Quick.allows(e, TLB_WRITE, sp, 3)) break;
        const value = load<u32>(load<u32>(r + R_REG));
        store<u32>((sp as u32) + load<u32>(e + TLB_ADDEND), value);
        store<u64>(v + V_GPR + RSP * 8, sp);
        r += RECORD_SIZE;
        continue;
      }
      case Q_POP_64: {
        const sp = load<u64>(v + V_GPR + RSP * 8);
        const e = Quick.entry(v, sp);
        if (!Quick.allows(e, TLB_READ, sp, 7)) break;
        const value: u64 = load<u64>((sp as u32) + load<u32>(e + TLB_ADDEND));
        store<u64>(v + V_GPR + RSP * 8, sp + 8);
        store<u64>(load<u32>(r + R_REG), value);
        r += RECORD_SIZE;
        continue;
      }
      case Q_POP_32: {
        const sp = load<u64>(v + V_GPR + RSP * 8) & 0xffffffff;
        const e = Quick.entry(v, sp);
        if (!Quick.allows(e, TLB_READ, sp, 3)) break;
        const value: u64 = load<u32>((sp as u32) + load<u32>(e + TLB_ADDEND));
        store<u64>(v + V_GPR + RSP * 8, (sp + 4) & 0xffffffff);
        store<u64>(load<u32>(r + R_REG), value);
        r += RECORD_SIZE;
        continue;
      }
      case Q_CALL_64: {
        const sp = load<u64>(v + V_GPR + RSP * 8) - 8;
        const e = Quick.entry(v, sp);
        if (!Quick.allows(e, TLB_WRITE, sp, 7)) break;
        const back = load<u64>(v + V_RIP) + load<u16>(r + R_OFF) + load<u8>(r + R_LEN);
        store<u64>((sp as u32) + load<u32>(e + TLB_ADDEND), back);
        store<u64>(v + V_GPR + RSP * 8, sp);
        b = follow(v, r, first, back + (load<i32>(r + R_DISP) as i64 as u64));
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_CALL_32: {
        const sp = (load<u64>(v + V_GPR + RSP * 8) - 4) & 0xffffffff;
        const e = Quick.entry(v, sp);
        if (!Quick.allows(e, TLB_WRITE, sp, 3)) break;
        const back = (load<u64>(v + V_RIP) + load<u16>(r + R_OFF) + load<u8>(r + R_LEN)) & 0xffffffff;
        store<u32>((sp as u32) + load<u32>(e + TLB_ADDEND), back as u32);
        store<u64>(v + V_GPR + RSP * 8, sp);
        b = follow(v, r, first, (back + (load<i32>(r + R_DISP) as i64 as u64)) & 0xffffffff);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_RET_64: {
        const sp = load<u64>(v + V_GPR + RSP * 8);
        const e = Quick.entry(v, sp);
        if (!Quick.allows(e, TLB_READ, sp, 7)) break;
        const target: u64 = load<u64>((sp as u32) + load<u32>(e + TLB_ADDEND));
        if (!canonical(target)) break;
        store<u64>(v + V_GPR + RSP * 8, sp + 8 + load<u64>(r + R_IMM));
        retire(v, r, first, 1);
        store<u64>(v + V_RIP, target);
        b = resume(v, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_RET_32: {
        const sp = load<u64>(v + V_GPR + RSP * 8) & 0xffffffff;
        const e = Quick.entry(v, sp);
        if (!Quick.allows(e, TLB_READ, sp, 3)) break;
        const target: u64 = load<u32>((sp as u32) + load<u32>(e + TLB_ADDEND));
        store<u64>(v + V_GPR + RSP * 8, (sp + 4 + load<u64>(r + R_IMM)) & 0xffffffff);
        retire(v, r, first, 1);
        store<u64>(v + V_RIP, target);
        b = resume(v, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_JMP:
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      case Q_JZ:
        if (load<u32>(v + V_LF_KIND) ? load<u64>(v + V_LF_RES) != 0 : !condition(v, 4)) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      case Q_JNZ:
        if (load<u32>(v + V_LF_KIND) ? load<u64>(v + V_LF_RES) == 0 : !condition(v, 5)) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      case Q_JCC:
        if (!condition(v, load<u8>(r + R_SEG))) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      case Q_JMP_FAR:
        b = follow(v, r, first, target_of(v, r));
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      case Q_JCC_FAR:
        if (!condition(v, load<u8>(r + R_SEG))) {
          r += RECORD_SIZE;
          continue;
        }
        b = follow(v, r, first, target_of(v, r));
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      case Q_CMP_8_J: {
        const a = load<i8>(load<u32>(r + R_RM)) as i64;
        const c = load<i8>(load<u32>(r + R_REG)) as i64;
        const res = (a - c) as i8 as i64;
        Quick.note_sub(v, a, c, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.outcome(a, c, res)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_CMP_32_J: {
        const a = load<i32>(load<u32>(r + R_RM)) as i64;
        const c = load<i32>(load<u32>(r + R_REG)) as i64;
        const res = (a - c) as i32 as i64;
        Quick.note_sub(v, a, c, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.outcome(a, c, res)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_CMP_64_J: {
        const a = load<i64>(load<u32>(r + R_RM)) as i64;
        const c = load<i64>(load<u32>(r + R_REG)) as i64;
        const res = (a - c) as i64 as i64;
        Quick.note_sub(v, a, c, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.outcome(a, c, res)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_TEST_8_J: {
        const res = (load<i8>(load<u32>(r + R_RM)) & load<i8>(load<u32>(r + R_REG))) as i64;
        Quick.note_logic(v, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.against_zero(res)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_TEST_32_J: {
        const res = (load<i32>(load<u32>(r + R_RM)) & load<i32>(load<u32>(r + R_REG))) as i64;
        Quick.note_logic(v, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.against_zero(res)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_TEST_64_J: {
        const res = (load<i64>(load<u32>(r + R_RM)) & load<i64>(load<u32>(r + R_REG))) as i64;
        Quick.note_logic(v, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.against_zero(res)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_CMP_R_32_J: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        const a = load<i32>(load<u32>(r + R_REG)) as i64;
        const c = load<i32>((la as u32) + load<u32>(e + TLB_ADDEND)) as i64;
        const res = (a - c) as i32 as i64;
        Quick.note_sub(v, a, c, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.outcome(a, c, res)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_CMP_R_64_J: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 7)) break;
        const a = load<i64>(load<u32>(r + R_REG)) as i64;
        const c = load<i64>((la as u32) + load<u32>(e + TLB_ADDEND)) as i64;
        const res = (a - c) as i64 as i64;
        Quick.note_sub(v, a, c, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.outcome(a, c, res)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_CMP_M_8_J: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 0)) break;
        const a = load<i8>((la as u32) + load<u32>(e + TLB_ADDEND)) as i64;
        const c = load<i8>(load<u32>(r + R_REG)) as i64;
        const res = (a - c) as i8 as i64;
        Quick.note_sub(v, a, c, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.outcome(a, c, res)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_CMP_M_32_J: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        const a = load<i32>((la as u32) + load<u32>(e + TLB_ADDEND)) as i64;
        const c = load<i32>(load<u32>(r + R_REG)) as i64;
        const res = (a - c) as i32 as i64;
        Quick.note_sub(v, a, c, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.outcome(a, c, res)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_CMP_M_64_J: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 7)) break;
        const a = load<i64>((la as u32) + load<u32>(e + TLB_ADDEND)) as i64;
        const c = load<i64>(load<u32>(r + R_REG)) as i64;
        const res = (a - c) as i64 as i64;
        Quick.note_sub(v, a, c, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.outcome(a, c, res)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_TEST_M_8_J: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 0)) break;
        const res = (load<i8>((la as u32) + load<u32>(e + TLB_ADDEND)) &
          load<i8>(load<u32>(r + R_REG))) as i64;
        Quick.note_logic(v, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.against_zero(res)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_TEST_M_32_J: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        const res = (load<i32>((la as u32) + load<u32>(e + TLB_ADDEND)) &
          load<i32>(load<u32>(r + R_REG))) as i64;
        Quick.note_logic(v, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.against_zero(res)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_ADD_32_J: {
        const d = load<u32>(r + R_RM);
        const res = Alu.add<i32>(v, d, load<u32>(r + R_REG));
        put<i32>(d, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.against_zero(res as i64)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_ADD_64_J: {
        const d = load<u32>(r + R_RM);
        const res = Alu.add<i64>(v, d, load<u32>(r + R_REG));
        put<i64>(d, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.against_zero(res as i64)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_AND_32_J: {
        const d = load<u32>(r + R_RM);
        const res = Alu.and<i32>(v, d, load<u32>(r + R_REG));
        put<i32>(d, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.against_zero(res as i64)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_AND_64_J: {
        const d = load<u32>(r + R_RM);
        const res = Alu.and<i64>(v, d, load<u32>(r + R_REG));
        put<i64>(d, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.against_zero(res as i64)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_SUB_32_J: {
        const d = load<u32>(r + R_RM);
        const res = Alu.sub<i32>(v, d, load<u32>(r + R_REG));
        put<i32>(d, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.against_zero(res as i64)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_SUB_64_J: {
        const d = load<u32>(r + R_RM);
        const res = Alu.sub<i64>(v, d, load<u32>(r + R_REG));
        put<i64>(d, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.against_zero(res as i64)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_DEC_32_J: {
        const d = load<u32>(r + R_RM);
        const res = Alu.dec<i32>(v, d);
        put<i32>(d, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.against_zero(res as i64)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_DEC_64_J: {
        const d = load<u32>(r + R_RM);
        const res = Alu.dec<i64>(v, d);
        put<i64>(d, res);
        r += RECORD_SIZE;
        if (((load<u32>(r + R_REG) >> Quick.against_zero(res as i64)) & 1) == 0) {
          r += RECORD_SIZE;
          continue;
        }
        b = near(v, r, first);
        if (b == 0) return FLOW_BRANCH;
        first = b + BLOCK_HEADER;
        r = first;
        continue;
      }
      case Q_LOAD_8: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 0)) break;
        store<u8>(load<u32>(r + R_REG), load<u8>((la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_LOAD_16: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 1)) break;
        store<u16>(load<u32>(r + R_REG), load<u16>((la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_LOAD_32: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        store<u64>(load<u32>(r + R_REG), load<u32>((la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_LOAD_64: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 7)) break;
        store<u64>(load<u32>(r + R_REG), load<u64>((la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_LOAD_ZX8: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 0)) break;
        store<u64>(load<u32>(r + R_REG), load<u8>((la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_LOAD_ZX16: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 1)) break;
        store<u64>(load<u32>(r + R_REG), load<u16>((la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_LOAD_SX_64: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        store<i64>(load<u32>(r + R_REG), load<i32>((la as u32) + load<u32>(e + TLB_ADDEND)) as i64);
        r += RECORD_SIZE;
        continue;
      }
      case Q_CMOV_32_M: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        const d = load<u32>(r + R_REG);
        const from = condition(v, load<u32>(r + R_IMM)) ? (la as u32) + load<u32>(e + TLB_ADDEND) : d;
        store<u64>(d, load<u32>(from));
        r += RECORD_SIZE;
        continue;
      }
      case Q_CMOV_64_M: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 7)) break;
        if (condition(v, load<u32>(r + R_IMM)))
          store<u64>(load<u32>(r + R_REG), load<u64>((la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_LOAD_32_X: {
        const la = Quick.indexed(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        store<u64>(load<u32>(r + R_REG), load<u32>((la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_LOAD_64_X: {
        const la = Quick.indexed(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 7)) break;
        store<u64>(load<u32>(r + R_REG), load<u64>((la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_LOAD_ZX8_X: {
        const la = Quick.indexed(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 0)) break;
        store<u64>(load<u32>(r + R_REG), load<u8>((la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_LOAD_ZX16_X: {
        const la = Quick.indexed(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 1)) break;
        store<u64>(load<u32>(r + R_REG), load<u16>((la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_ADD_32_X: {
        const la = Quick.indexed(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        const d = load<u32>(r + R_REG);
        put<i32>(d, Alu.add<i32>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_ADD_64_X: {
        const la = Quick.indexed(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 7)) break;
        const d = load<u32>(r + R_REG);
        put<i64>(d, Alu.add<i64>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_XOR_32_X: {
        const la = Quick.indexed(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        const d = load<u32>(r + R_REG);
        put<i32>(d, Alu.xor<i32>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_XOR_64_X: {
        const la = Quick.indexed(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 7)) break;
        const d = load<u32>(r + R_REG);
        put<i64>(d, Alu.xor<i64>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_STORE_8: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_WRITE, la, 0)) break;
        store<u8>((la as u32) + load<u32>(e + TLB_ADDEND), load<u8>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_STORE_16: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_WRITE, la, 1)) {
          if (!store_rang(v, e, la, 1, load<u16>(load<u32>(r + R_REG)))) break;
          if (load<u32>(v + V_LEAVE)) return leave(v, r, first, FLOW_STOP);
          r += RECORD_SIZE;
          continue;
        }
        store<u16>((la as u32) + load<u32>(e + TLB_ADDEND), load<u16>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_STORE_32: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_WRITE, la, 3)) {
          if (!store_rang(v, e, la, 3, load<u32>(load<u32>(r + R_REG)))) break;
          if (load<u32>(v + V_LEAVE)) return leave(v, r, first, FLOW_STOP);
          r += RECORD_SIZE;
          continue;
        }
        store<u32>((la as u32) + load<u32>(e + TLB_ADDEND), load<u32>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_STORE_64: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_WRITE, la, 7)) break;
        store<u64>((la as u32) + load<u32>(e + TLB_ADDEND), load<u64>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_STORE_8_X: {
        const la = Quick.indexed(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_WRITE, la, 0)) break;
        store<u8>((la as u32) + load<u32>(e + TLB_ADDEND), load<u8>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_STORE_16_X: {
        const la = Quick.indexed(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_WRITE, la, 1)) {
          if (!store_rang(v, e, la, 1, load<u16>(load<u32>(r + R_REG)))) break;
          if (load<u32>(v + V_LEAVE)) return leave(v, r, first, FLOW_STOP);
          r += RECORD_SIZE;
          continue;
        }
        store<u16>((la as u32) + load<u32>(e + TLB_ADDEND), load<u16>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_STORE_32_X: {
        const la = Quick.indexed(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_WRITE, la, 3)) {
          if (!store_rang(v, e, la, 3, load<u32>(load<u32>(r + R_REG)))) break;
          if (load<u32>(v + V_LEAVE)) return leave(v, r, first, FLOW_STOP);
          r += RECORD_SIZE;
          continue;
        }
        store<u32>((la as u32) + load<u32>(e + TLB_ADDEND), load<u32>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_STORE_64_X: {
        const la = Quick.indexed(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_WRITE, la, 7)) break;
        store<u64>((la as u32) + load<u32>(e + TLB_ADDEND), load<u64>(load<u32>(r + R_REG)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_ADD_32_M: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        const d = load<u32>(r + R_REG);
        put<i32>(d, Alu.add<i32>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_ADD_64_M: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 7)) break;
        const d = load<u32>(r + R_REG);
        put<i64>(d, Alu.add<i64>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_OR_32_M: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        const d = load<u32>(r + R_REG);
        put<i32>(d, Alu.or<i32>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_OR_64_M: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 7)) break;
        const d = load<u32>(r + R_REG);
        put<i64>(d, Alu.or<i64>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_ADC_32_M: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        const d = load<u32>(r + R_REG);
        put<i32>(d, Alu.adc<i32>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_ADC_64_M: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 7)) break;
        const d = load<u32>(r + R_REG);
        put<i64>(d, Alu.adc<i64>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_SBB_32_M: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        const d = load<u32>(r + R_REG);
        put<i32>(d, Alu.sbb<i32>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_SBB_64_M: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 7)) break;
        const d = load<u32>(r + R_REG);
        put<i64>(d, Alu.sbb<i64>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_AND_32_M: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        const d = load<u32>(r + R_REG);
        put<i32>(d, Alu.and<i32>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_AND_64_M: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 7)) break;
        const d = load<u32>(r + R_REG);
        put<i64>(d, Alu.and<i64>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_SUB_32_M: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        const d = load<u32>(r + R_REG);
        put<i32>(d, Alu.sub<i32>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_SUB_64_M: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 7)) break;
        const d = load<u32>(r + R_REG);
        put<i64>(d, Alu.sub<i64>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_XOR_32_M: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        const d = load<u32>(r + R_REG);
        put<i32>(d, Alu.xor<i32>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_XOR_64_M: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 7)) break;
        const d = load<u32>(r + R_REG);
        put<i64>(d, Alu.xor<i64>(v, d, (la as u32) + load<u32>(e + TLB_ADDEND)));
        r += RECORD_SIZE;
        continue;
      }
      case Q_CMP_R_32: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        Alu.sub<i32>(v, load<u32>(r + R_REG), (la as u32) + load<u32>(e + TLB_ADDEND));
        r += RECORD_SIZE;
        continue;
      }
      case Q_CMP_R_64: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 7)) break;
        Alu.sub<i64>(v, load<u32>(r + R_REG), (la as u32) + load<u32>(e + TLB_ADDEND));
        r += RECORD_SIZE;
        continue;
      }
      case Q_CMP_M_8: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 0)) break;
        Alu.sub<i8>(v, (la as u32) + load<u32>(e + TLB_ADDEND), load<u32>(r + R_REG));
        r += RECORD_SIZE;
        continue;
      }
      case Q_CMP_M_32: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        Alu.sub<i32>(v, (la as u32) + load<u32>(e + TLB_ADDEND), load<u32>(r + R_REG));
        r += RECORD_SIZE;
        continue;
      }
      case Q_CMP_M_64: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 7)) break;
        Alu.sub<i64>(v, (la as u32) + load<u32>(e + TLB_ADDEND), load<u32>(r + R_REG));
        r += RECORD_SIZE;
        continue;
      }
      case Q_TEST_M_8: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 0)) break;
        Alu.and<i8>(v, (la as u32) + load<u32>(e + TLB_ADDEND), load<u32>(r + R_REG));
        r += RECORD_SIZE;
        continue;
      }
      case Q_PORT: {
        let flow = exec_io(v, r, load<u16>(r + R_OP), 0);
        if (flow != FLOW_NEXT || load<u32>(v + V_LEAVE)) flow = left(v, r, first, flow);
        if (flow != FLOW_NEXT) return flow;
        r += RECORD_SIZE;
        continue;
      }
      case Q_TEST_M_32: {
        const la = Quick.address(v, r);
        const e = Quick.entry(v, la);
        if (!Quick.allows(e, TLB_READ, la, 3)) break;
        Alu.and<i32>(v, (la as u32) + load<u32>(e + TLB_ADDEND), load<u32>(r + R_REG));
        r += RECORD_SIZE;
        continue;
      }
    }
    const flow = exec_record(v, r, first);
    if (flow == FLOW_NEXT) {
      r += RECORD_SIZE;
      continue;
    }
    if (flow != FLOW_BRANCH) return flow;
    b = resume(v, first);
    if (b == 0) return FLOW_BRANCH;
    first = b + BLOCK_HEADER;
    r = first;
  }
}
