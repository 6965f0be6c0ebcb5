// Hyper-V's flushes on real threads: vCPUs that ask each other at once, with split locks between.

import { expect, test } from 'vitest';
import { HV_X64_MSR_GUEST_OS_ID } from '../../../../assembly/abi/hyperv.ts';
import { thread } from '../thread.ts';
import { Guest } from './support.ts';

const ROUNDS = 2000;

test('vCPUs that flush each other and lock the bus never wait for each other', {
  timeout: 120_000,
}, async () => {
  const guest = new Guest({ vcpus: 3 });
  guest.set(HV_X64_MSR_GUEST_OS_ID, 1);
  // mov ecx, FLUSH_SPACE | FAST; vmcall; lock inc dword [0x6ffe]; dec r9d; jnz to the first; hlt
  const loop = [
    0xb9, 2, 0, 1, 0, 0x0f, 0x01, 0xc1, 0xf0, 0xff, 0x04, 0x25, 0xfe, 0x6f, 0, 0, 0x41, 0xff, 0xc9,
  ];
  guest.vm.write(0x3000, new Uint8Array([...loop, 0x75, 0xeb, 0xf4]));
  for (const vcpu of guest.vcpus) {
    guest.long(vcpu);
    vcpu.setRegs({ rip: 0x3000, rflags: 2, rdx: 0n, r8: 1n, r9: BigInt(ROUNDS) });
  }
  const handle = guest.vm.handle;
  const run = 'return kvm.Vm.attach(data.handle).vcpu(data.id).run();';
  const exits = await Promise.all(guest.vcpus.map(({ id }) => thread(run, { handle, id })));
  expect(exits).toEqual([5, 5, 5]);
  expect(guest.u64(0x6ffe) & 0xffff_ffffn).toBe(BigInt(3 * ROUNDS));
});
