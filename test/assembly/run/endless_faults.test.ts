// A handler that cannot execute its first instruction faults for ever: no instruction retires, and yet the vCPU can be stopped.
import { expect, test } from 'vitest';
import { REQ_PAUSE, RUN_BUDGET, RUN_REQUEST, V_REQUESTS } from '../../../assembly/abi/vcpu_page.ts';
import { longGuest } from './long.ts';

const UD2 = 'ud2';
/** Its own handler, on a stack of its own: the frame is always the same. */
const ENDLESS = `kernel: nop\n${UD2}\non_6: ${UD2}`;

test.each([1, 2, 1000])('a budget of %i ends it, and the instructions that retired are counted', (budget) => {
  const { vcpu, labels } = longGuest(ENDLESS);
  for (let turn = 0; turn < 3; turn++) expect(vcpu.enter(budget)).toBe(RUN_BUDGET);
  expect([vcpu.instructions, vcpu.getRegs().rip]).toEqual([1n, labels.get('on_6')]);
});

test('a request ends it', () => {
  const { vm, vcpu } = longGuest(ENDLESS);
  expect(vcpu.enter(1000)).toBe(RUN_BUDGET);
  vm.memory.or(vcpu.page + V_REQUESTS, REQ_PAUSE);
  expect(vcpu.enter(1000)).toBe(RUN_REQUEST);
});

test('an exception behind an instruction takes nothing of the budget', () => {
  // Each round has two exceptions, of which the handler passes the instruction.
  const { vcpu } = longGuest(`
    kernel: ${UD2}
      ${UD2}
      jmp kernel
    on_6: add qword [rsp], 2
      iretq
  `);
  expect(vcpu.enter(500)).toBe(RUN_BUDGET);
  expect(vcpu.instructions).toBe(500n);
});
