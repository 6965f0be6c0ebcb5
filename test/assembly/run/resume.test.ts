// RF behind IRET is there for one instruction, which is executed like any other where no breakpoint is armed.
import { expect, test } from 'vitest';
import { KVM_EXIT, type Vcpu } from '../../../web/kvm/index.ts';
import { guest } from './machine.ts';

const RF = 0x10000n;
const RETURN = 'push 0x10002\npush 8\npush after\niret\n';
const hasRf = (vcpu: Vcpu): boolean => (vcpu.getRegs().rflags & RF) !== 0n;

test('RF is seen before the instruction, not behind it', () => {
  const { vcpu, labels } = guest(`${RETURN}after: inc eax\ninc eax\nhlt`);
  vcpu.enter(4);
  expect([vcpu.getRegs().rip, hasRf(vcpu)]).toEqual([labels.get('after'), true]);
  vcpu.enter(1);
  expect([vcpu.getRegs().rax, hasRf(vcpu)]).toEqual([1n, false]);
});

test.each(['inc eax', 'mov [0x9000], eax', 'jmp next', 'rep stosb', 'db 0x0f, 0x1f, 0'])(
  'behind "%s" the block goes on without RF, and every instruction counts',
  (first) => {
    const { vcpu } = guest(`${RETURN}after: ${first}\nnext: inc ebx\nhlt`, { rcx: 3, rdi: 0x9000 });
    expect(vcpu.run()).toBe(KVM_EXIT.HLT);
    expect([vcpu.getRegs().rbx, hasRf(vcpu), vcpu.instructions]).toEqual([1n, false, 7n]);
  },
);
