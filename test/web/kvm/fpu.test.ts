// KVM_GET/SET_FPU, XSAVE and XCRS: three views of one state.
import { expect, test } from 'vitest';
import type { Vcpu } from '../../../web/kvm/index.ts';
import { refuses, vmWithRam } from './support.ts';

const vcpu: Vcpu = vmWithRam().vm.createVcpu(0);
const HEADER_WORD = 512 / 4;
const AVX_WORD = 576 / 4;

/** An XSAVE image as KVM_SET_XSAVE takes it. */
function image(components: number, words: Record<number, number>): { region: number[] } {
  const region = Array<number>(1024).fill(0);
  for (const [at, value] of Object.entries(words)) region[Number(at)] = value;
  region[6] = 0x1f80;
  region[HEADER_WORD] = components;
  return { region };
}

test('a new vCPU has the state after FNINIT', () => {
  const { fcw, fsw, ftwx, mxcsr } = vmWithRam().vm.createVcpu(0).getFpu();
  expect([fcw, fsw, ftwx, mxcsr]).toEqual([0x37f, 0, 0, 0x1f80]);
});

test('registers that are set are read back in stack order, whatever TOP is', () => {
  const fpr = Uint8Array.from({ length: 128 }, (_, i) => (i % 16 < 10 ? i : 0));
  const xmm = Uint8Array.from({ length: 256 }, (_, i) => 255 - i);
  vcpu.setFpu({
    fpr,
    xmm,
    fcw: 0x27f,
    fsw: 5 << 11,
    ftwx: 0xe0,
    mxcsr: 0x9fc0,
    last_opcode: 0x1d9,
    last_ip: 0x1234n,
  });
  const got = vcpu.getFpu();
  expect(got).toMatchObject({
    fcw: 0x27f,
    fsw: 5 << 11,
    ftwx: 0xe0,
    mxcsr: 0x9fc0,
    last_opcode: 0x1d9,
    last_ip: 0x1234n,
  });
  expect([Buffer.from(got.fpr).equals(fpr), Buffer.from(got.xmm).equals(xmm)]).toEqual([true, true]);
});

test('ES and B of the status word follow from the exceptions that are unmasked', () => {
  vcpu.setFpu({ fcw: 0x37e, fsw: 1 });
  expect(vcpu.getFpu().fsw).toBe(0x8081);
  vcpu.setFpu({ fcw: 0x37f, fsw: 0x8081 });
  expect(vcpu.getFpu().fsw).toBe(1);
});

test('an XSAVE image goes in and comes out, and its absent components become initial', () => {
  vcpu.setXcrs({ nr_xcrs: 1, xcrs: [{ xcr: 0, value: 7n }] });
  const words = {
    0: 0x7f | (0x3800 << 16),
    1: 0x80,
    8: 0x11111111,
    40: 0x22222222,
    [AVX_WORD + 1]: 0x33333333,
  };
  vcpu.setXsave(image(7, words));
  const { region } = vcpu.getXsave();
  expect(Object.keys(words).map((at) => region[Number(at)])).toEqual([
    0x3800007f, 0x80, 0x11111111, 0x22222222, 0x33333333,
  ]);
  vcpu.setXsave(image(4, words));
  const after = vcpu.getXsave().region;
  expect([after[0], after[1], after[8], after[40], after[AVX_WORD + 1]]).toEqual([
    0x37f, 0, 0, 0, 0x33333333,
  ]);
});

test('what no processor takes is EINVAL', () => {
  refuses('EINVAL', () => vcpu.setFpu({ mxcsr: 0x10000 }));
  refuses('EINVAL', () => vcpu.setXsave({ region: [0] }));
  refuses('EINVAL', () => vcpu.setXsave(image(0x100, {})));
  refuses('EINVAL', () => vcpu.setXcrs({ nr_xcrs: 17 }));
  refuses('EINVAL', () => vcpu.setXcrs({ nr_xcrs: 1, xcrs: [{ xcr: 0, value: 5n }] }));
});

test('XCR0 is the one extended control register', () => {
  vcpu.setXcrs({ nr_xcrs: 1, xcrs: [{ xcr: 0, value: 3n }] });
  const { nr_xcrs, xcrs } = vcpu.getXcrs();
  expect([nr_xcrs, xcrs[0]?.xcr, xcrs[0]?.value]).toEqual([1, 0, 3n]);
});
