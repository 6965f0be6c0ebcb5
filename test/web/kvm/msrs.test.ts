// MSRs about speculation: what the processor says of itself, and switches that have nothing to hold back.
import { expect, test } from 'vitest';
import { cpuidOf } from '../../../web/kvm/index.ts';
import { kvm, vmWithRam } from './support.ts';

const SPEC_CTRL = 0x48;
const PRED_CMD = 0x49;
const ARCH_CAPABILITIES = 0x10a;

function machine() {
  const { vm } = vmWithRam();
  const vcpu = vm.createVcpu(0);
  vcpu.setCpuid2(cpuidOf(kvm.getSupportedCpuid(), 0, 1));
  return vcpu;
}

test('the guest reads the same capabilities as the host: immune to Meltdown, MDS, TAA, BHI, ITS and their like', () => {
  const [known] = kvm.getMsrs([ARCH_CAPABILITIES]);
  expect(machine().getMsrs([ARCH_CAPABILITIES])).toEqual([known]);
  for (const bit of [0n, 1n, 4n, 5n, 8n, 20n, 62n]) expect(((known?.data ?? 0n) >> bit) & 1n).toBe(1n);
});

test('IBRS, STIBP, SSBD and BHI_DIS_S can be set and read, other bits are refused', () => {
  const vcpu = machine();
  expect(
    vcpu.setMsrs([
      { index: SPEC_CTRL, data: 0x407n },
      { index: SPEC_CTRL, data: 8n },
    ]),
  ).toBe(1);
  expect(vcpu.getMsrs([SPEC_CTRL])).toEqual([{ index: SPEC_CTRL, reserved: 0, data: 0x407n }]);
});

test('a prediction barrier can be commanded, and its register not read', () => {
  const vcpu = machine();
  expect(
    vcpu.setMsrs([
      { index: PRED_CMD, data: 1n },
      { index: PRED_CMD, data: 2n },
    ]),
  ).toBe(1);
  expect(vcpu.getMsrs([PRED_CMD])).toEqual([]);
});
