// The x87, SSE and AVX state of golden cases: into and out of struct kvm_xsave, and compared. Runs nothing.
import {
  IMAGE_AVX,
  IMAGE_FCW,
  IMAGE_FSW,
  IMAGE_HEADER,
  IMAGE_MXCSR,
  IMAGE_ST,
  IMAGE_TAG,
  IMAGE_XMM,
} from '../../../assembly/abi/fpu.ts';
import type { Input, KvmXsave } from '../../kvm/index.ts';
import type { Case, FloatState } from './golden_case.ts';

/** struct kvm_xsave. */
const BYTES = 4096;
const MASK_64 = (1n << 64n) - 1n;
/** Sign and exponent above 63 bits of fraction: neighbours differ by 1. */
const ordinal = (value: bigint): bigint => ((value >> 64n) << 63n) | (value & (MASK_64 >> 1n));

/** The image that KVM_SET_XSAVE takes. */
export function xsaveOf(state: FloatState): Input<KvmXsave> {
  const region = new Uint32Array(BYTES / 4);
  const view = new DataView(region.buffer);
  view.setUint16(IMAGE_FCW, state.fcw, true);
  view.setUint16(IMAGE_FSW, state.fsw, true);
  view.setUint8(IMAGE_TAG, state.ftw);
  view.setUint32(IMAGE_MXCSR, state.mxcsr, true);
  state.st.forEach((value, i) => {
    view.setBigUint64(IMAGE_ST + i * 16, value & MASK_64, true);
    view.setUint16(IMAGE_ST + i * 16 + 8, Number(value >> 64n), true);
  });
  state.ymm.forEach((value, i) => {
    for (let part = 0; part < 4; part++) {
      const at = part < 2 ? IMAGE_XMM + i * 16 + part * 8 : IMAGE_AVX + i * 16 + (part - 2) * 8;
      view.setBigUint64(at, (value >> BigInt(part * 64)) & MASK_64, true);
    }
  });
  view.setUint32(IMAGE_HEADER, 7, true);
  return { region: region as unknown as number[] };
}

/** What KVM_GET_XSAVE shows. */
export function floatOf(xsave: KvmXsave): FloatState {
  const view = new DataView(Uint32Array.from(xsave.region).buffer);
  const u64 = (at: number): bigint => view.getBigUint64(at, true);
  return {
    fcw: view.getUint16(IMAGE_FCW, true),
    fsw: view.getUint16(IMAGE_FSW, true),
    ftw: view.getUint8(IMAGE_TAG),
    mxcsr: view.getUint32(IMAGE_MXCSR, true),
    st: Array.from(
      { length: 8 },
      (_, i) => u64(IMAGE_ST + i * 16) | (BigInt(view.getUint16(IMAGE_ST + i * 16 + 8, true)) << 64n),
    ),
    ymm: Array.from(
      { length: 16 },
      (_, i) =>
        u64(IMAGE_XMM + i * 16) |
        (u64(IMAGE_XMM + i * 16 + 8) << 64n) |
        (u64(IMAGE_AVX + i * 16) << 128n) |
        (u64(IMAGE_AVX + i * 16 + 8) << 192n),
    ),
  };
}

/** x87 results within 8 units of the last place. */
function nearSt(a: bigint, b: bigint): boolean {
  const distance = ordinal(a) - ordinal(b);
  return a >> 79n === b >> 79n && distance <= 8n && distance >= -8n;
}

/** RCP and RSQRT: each differing 32-bit lane within 1.5 * 2^-12. */
function nearVector(a: bigint, b: bigint): boolean {
  const words = new DataView(new ArrayBuffer(8));
  for (let lane = 0n; lane < 8n; lane++) {
    words.setUint32(0, Number((a >> (lane * 32n)) & 0xffffffffn));
    words.setUint32(4, Number((b >> (lane * 32n)) & 0xffffffffn));
    if (words.getUint32(0) === words.getUint32(4)) continue;
    const error = Math.abs(words.getFloat32(0) / words.getFloat32(4) - 1);
    if (!(error <= 1.5 * 2 ** -12)) return false;
  }
  return true;
}

/** The differences of the floating-point state, empty when there are none. */
export function compareFloat(test: Case, got: FloatState): string[] {
  const want = test.out.float;
  const { approximate } = test.ignore;
  const wrong: string[] = [];
  const word = (name: string, have: number, expected: number, care = 0xffffffff): void => {
    if ((have ^ expected) & care)
      wrong.push(`${name} ${have.toString(16)}, expected ${expected.toString(16)}`);
  };
  word('fcw', got.fcw, want.fcw);
  word('fsw', got.fsw, want.fsw, ~test.ignore.fsw);
  word('ftw', got.ftw, want.ftw);
  word('mxcsr', got.mxcsr, want.mxcsr);
  want.st.forEach((expected, i) => {
    const have = got.st[i] as bigint;
    if (have !== expected && !(approximate === 1 && nearSt(have, expected)))
      wrong.push(`st${i} ${have.toString(16)}, expected ${expected.toString(16)}`);
  });
  want.ymm.forEach((expected, i) => {
    const have = got.ymm[i] as bigint;
    if (have !== expected && !(approximate === 2 && nearVector(have, expected)))
      wrong.push(`ymm${i} ${have.toString(16)}, expected ${expected.toString(16)}`);
  });
  return wrong;
}
