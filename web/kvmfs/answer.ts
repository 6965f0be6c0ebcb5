// cpu/N/answer: what a vCPU that has parked on a read gets for it. The value goes into the run page; paused = 0 completes it.

import { parseInteger } from '../fs/index.ts';
import { encodeInto, KVM_EXIT, KvmError, kvm_run_arms, type Vcpu } from '../kvm/index.ts';
import { lastExit } from './exit_text.ts';

/** Writes `value` little-endian into `into`; EINVAL when it does not fit. */
function fill(into: Uint8Array, text: string): void {
  const bits = BigInt(into.length * 8);
  const value = parseInteger(text);
  if (value >> bits !== 0n && value >> (bits - 1n) !== -1n)
    throw new KvmError('EINVAL', `'${text}' does not fit the ${into.length} bytes that the guest reads`);
  for (let n = 0; n < into.length; n++) into[n] = Number((value >> BigInt(8 * n)) & 0xffn);
}

/** Answers the read on which `vcpu` stands: a number, for a string access one for each element; `error` refuses an MSR. */
export function answerExit(vcpu: Vcpu, text: string): void {
  const { kvmRun } = vcpu;
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const [first = ''] = words;
  switch (kvmRun.exitReason) {
    case KVM_EXIT.IO: {
      const { write, size, count, data } = kvmRun.io;
      if (write) break;
      if (words.length !== count)
        throw new KvmError('EINVAL', `the guest reads ${count} times, so write ${count} numbers`);
      words.forEach((word, n) => {
        fill(data.subarray(n * size, (n + 1) * size), word);
      });
      return;
    }
    case KVM_EXIT.MMIO:
      if (kvmRun.mmio.write) break;
      fill(kvmRun.mmio.data, text);
      return;
    case KVM_EXIT.X86_RDMSR:
    case KVM_EXIT.X86_WRMSR: {
      const { msr } = kvm_run_arms;
      const arm = kvmRun.union.subarray(0, msr.size);
      if (first === 'error') encodeInto(msr, arm, { error: 1 });
      else encodeInto(msr, arm, { error: 0, data: BigInt.asUintN(64, parseInteger(first)) });
      return;
    }
    case KVM_EXIT.HYPERCALL: {
      const { hypercall } = kvm_run_arms;
      const ret = BigInt.asUintN(64, parseInteger(first));
      encodeInto(hypercall, kvmRun.union.subarray(0, hypercall.size), { ret });
      return;
    }
    default:
  }
  throw new KvmError('EINVAL', `the vCPU waits for no answer: its last exit was '${lastExit(vcpu)}'`);
}
