// A vCPU's state and the instruction at its RIP as text, for whoever looks into a finding.
import { V_MODE } from '../../assembly/abi/vcpu_page.ts';
import { disassemble } from '../../web/asm/index.ts';
import type { FuzzMachine } from './machine.ts';

const INSN_MAX = 15;

export function dump({ vm, vcpu }: FuzzMachine): string {
  const regs = vcpu.getRegs();
  const sregs = vcpu.getSregs();
  const linear = sregs.cs.l ? regs.rip : (regs.rip + sregs.cs.base) & 0xffffffffn;
  const bytes: number[] = [];
  for (let n = 0; n < INSN_MAX; n++) {
    const { physical_address, valid } = vcpu.translate(linear + BigInt(n));
    const byte = valid ? vm.guest(physical_address, 1)?.[0] : undefined;
    if (byte === undefined) break;
    bytes.push(byte);
  }
  const bits = sregs.cs.l ? 64 : sregs.cs.db ? 32 : 16;
  const [line] = disassemble(Uint8Array.from(bytes), { bits, address: linear, count: 1 });
  const hex = (value: bigint | number): string => value.toString(16);
  const rows = Object.entries(regs).map(([name, value]) => `${name}=${hex(value)}`);
  for (const name of ['cs', 'ss', 'ds', 'es', 'fs', 'gs', 'tr', 'ldt'] as const) {
    const { selector, base, limit, type, db, l, unusable } = sregs[name];
    rows.push(
      `\n${name}=${hex(selector)} base=${hex(base)} limit=${hex(limit)} type=${type} db=${db} l=${l} unusable=${unusable}`,
    );
  }
  for (const name of ['cr0', 'cr2', 'cr3', 'cr4', 'efer'] as const) rows.push(`${name}=${hex(sregs[name])}`);
  rows.push(`mode=${hex(vm.memory.u32(vcpu.page + V_MODE))}`, `icount=${vcpu.instructions}`);
  return `${rows.join(' ')}\n${Buffer.from(bytes).toString('hex')}  ${line?.text ?? 'cannot be fetched'}`;
}
