// The eight ALU operations in each of their forms: by operand size, and by which of the operands is written.
import { R_REG } from '../abi/insn';
import { OP_ALU, OP_ALU_LOAD } from '../abi/ops';
import { Alu, put } from './alu';

/** Executes an operation of OP_ALU or OP_ALU_LOAD, whose r/m operand is at `rm`. */
export function exec_alu(v: u32, r: u32, op: u32, rm: u32): void {
  switch (op) {
    case OP_ALU + 0:
      put<i8>(rm, Alu.add<i8>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 1:
      store<i8>(rm, Alu.add<i8>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 2:
      put<i16>(rm, Alu.add<i16>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 3:
      store<i16>(rm, Alu.add<i16>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 4:
      put<i32>(rm, Alu.add<i32>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 5:
      store<i32>(rm, Alu.add<i32>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 6:
      put<i64>(rm, Alu.add<i64>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 7:
      store<i64>(rm, Alu.add<i64>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 8:
      put<i8>(rm, Alu.or<i8>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 9:
      store<i8>(rm, Alu.or<i8>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 10:
      put<i16>(rm, Alu.or<i16>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 11:
      store<i16>(rm, Alu.or<i16>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 12:
      put<i32>(rm, Alu.or<i32>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 13:
      store<i32>(rm, Alu.or<i32>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 14:
      put<i64>(rm, Alu.or<i64>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 15:
      store<i64>(rm, Alu.or<i64>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 16:
      put<i8>(rm, Alu.adc<i8>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 17:
      store<i8>(rm, Alu.adc<i8>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 18:
      put<i16>(rm, Alu.adc<i16>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 19:
      store<i16>(rm, Alu.adc<i16>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 20:
      put<i32>(rm, Alu.adc<i32>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 21:
      store<i32>(rm, Alu.adc<i32>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 22:
      put<i64>(rm, Alu.adc<i64>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 23:
      store<i64>(rm, Alu.adc<i64>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 24:
      put<i8>(rm, Alu.sbb<i8>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 25:
      store<i8>(rm, Alu.sbb<i8>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 26:
      put<i16>(rm, Alu.sbb<i16>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 27:
      store<i16>(rm, Alu.sbb<i16>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 28:
      put<i32>(rm, Alu.sbb<i32>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 29:
      store<i32>(rm, Alu.sbb<i32>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 30:
      put<i64>(rm, Alu.sbb<i64>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 31:
      store<i64>(rm, Alu.sbb<i64>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 32:
      put<i8>(rm, Alu.and<i8>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 33:
      store<i8>(rm, Alu.and<i8>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 34:
      put<i16>(rm, Alu.and<i16>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 35:
      store<i16>(rm, Alu.and<i16>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 36:
      put<i32>(rm, Alu.and<i32>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 37:
      store<i32>(rm, Alu.and<i32>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 38:
      put<i64>(rm, Alu.and<i64>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 39:
      store<i64>(rm, Alu.and<i64>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 40:
      put<i8>(rm, Alu.sub<i8>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 41:
      store<i8>(rm, Alu.sub<i8>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 42:
      put<i16>(rm, Alu.sub<i16>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 43:
      store<i16>(rm, Alu.sub<i16>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 44:
      put<i32>(rm, Alu.sub<i32>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 45:
      store<i32>(rm, Alu.sub<i32>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 46:
      put<i64>(rm, Alu.sub<i64>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 47:
      store<i64>(rm, Alu.sub<i64>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 48:
      put<i8>(rm, Alu.xor<i8>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 49:
      store<i8>(rm, Alu.xor<i8>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 50:
      put<i16>(rm, Alu.xor<i16>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 51:
      store<i16>(rm, Alu.xor<i16>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 52:
      put<i32>(rm, Alu.xor<i32>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 53:
      store<i32>(rm, Alu.xor<i32>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 54:
      put<i64>(rm, Alu.xor<i64>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 55:
      store<i64>(rm, Alu.xor<i64>(v, rm, load<u32>(r + R_REG)));
      break;
    case OP_ALU + 56:
    case OP_ALU + 57:
      Alu.sub<i8>(v, rm, load<u32>(r + R_REG));
      break;
    case OP_ALU + 58:
    case OP_ALU + 59:
      Alu.sub<i16>(v, rm, load<u32>(r + R_REG));
      break;
    case OP_ALU + 60:
    case OP_ALU + 61:
      Alu.sub<i32>(v, rm, load<u32>(r + R_REG));
      break;
    case OP_ALU + 62:
    case OP_ALU + 63:
      Alu.sub<i64>(v, rm, load<u32>(r + R_REG));
      break;
    case OP_ALU_LOAD + 0: {
      const d = load<u32>(r + R_REG);
      put<i8>(d, Alu.add<i8>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 1: {
      const d = load<u32>(r + R_REG);
      put<i16>(d, Alu.add<i16>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 2: {
      const d = load<u32>(r + R_REG);
      put<i32>(d, Alu.add<i32>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 3: {
      const d = load<u32>(r + R_REG);
      put<i64>(d, Alu.add<i64>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 4: {
      const d = load<u32>(r + R_REG);
      put<i8>(d, Alu.or<i8>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 5: {
      const d = load<u32>(r + R_REG);
      put<i16>(d, Alu.or<i16>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 6: {
      const d = load<u32>(r + R_REG);
      put<i32>(d, Alu.or<i32>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 7: {
      const d = load<u32>(r + R_REG);
      put<i64>(d, Alu.or<i64>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 8: {
      const d = load<u32>(r + R_REG);
      put<i8>(d, Alu.adc<i8>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 9: {
      const d = load<u32>(r + R_REG);
      put<i16>(d, Alu.adc<i16>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 10: {
      const d = load<u32>(r + R_REG);
      put<i32>(d, Alu.adc<i32>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 11: {
      const d = load<u32>(r + R_REG);
      put<i64>(d, Alu.adc<i64>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 12: {
      const d = load<u32>(r + R_REG);
      put<i8>(d, Alu.sbb<i8>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 13: {
      const d = load<u32>(r + R_REG);
      put<i16>(d, Alu.sbb<i16>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 14: {
      const d = load<u32>(r + R_REG);
      put<i32>(d, Alu.sbb<i32>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 15: {
      const d = load<u32>(r + R_REG);
      put<i64>(d, Alu.sbb<i64>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 16: {
      const d = load<u32>(r + R_REG);
      put<i8>(d, Alu.and<i8>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 17: {
      const d = load<u32>(r + R_REG);
      put<i16>(d, Alu.and<i16>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 18: {
      const d = load<u32>(r + R_REG);
      put<i32>(d, Alu.and<i32>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 19: {
      const d = load<u32>(r + R_REG);
      put<i64>(d, Alu.and<i64>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 20: {
      const d = load<u32>(r + R_REG);
      put<i8>(d, Alu.sub<i8>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 21: {
      const d = load<u32>(r + R_REG);
      put<i16>(d, Alu.sub<i16>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 22: {
      const d = load<u32>(r + R_REG);
      put<i32>(d, Alu.sub<i32>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 23: {
      const d = load<u32>(r + R_REG);
      put<i64>(d, Alu.sub<i64>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 24: {
      const d = load<u32>(r + R_REG);
      put<i8>(d, Alu.xor<i8>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 25: {
      const d = load<u32>(r + R_REG);
      put<i16>(d, Alu.xor<i16>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 26: {
      const d = load<u32>(r + R_REG);
      put<i32>(d, Alu.xor<i32>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 27: {
      const d = load<u32>(r + R_REG);
      put<i64>(d, Alu.xor<i64>(v, d, rm));
      break;
    }
    case OP_ALU_LOAD + 28:
      Alu.sub<i8>(v, load<u32>(r + R_REG), rm);
      break;
    case OP_ALU_LOAD + 29:
      Alu.sub<i16>(v, load<u32>(r + R_REG), rm);
      break;
    case OP_ALU_LOAD + 30:
      Alu.sub<i32>(v, load<u32>(r + R_REG), rm);
      break;
    case OP_ALU_LOAD + 31:
      Alu.sub<i64>(v, load<u32>(r + R_REG), rm);
      break;
    default:
      break;
  }
}
