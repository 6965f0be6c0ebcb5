// The machine of the hash test: two vCPUs race on counters, in turn by the schedule of a seed.
import { assemble } from '../../../web/asm/index.ts';
import { findGuest } from '../../../web/lab/index.ts';
import type { MachineOptions } from '../../../web/session/types.ts';

function image(source: string): Uint8Array {
  const result = assemble(source);
  if (result.errors) throw new Error(result.errors[0]?.message);
  return result.bytes;
}

const guest = findGuest('lock');
if (!guest) throw new Error('The lab has no guest "lock".');
const { at, mode, slots, ...machine } = guest.machine;

export const hashedMachine: MachineOptions = {
  ...machine,
  slots: [...slots],
  engine: 'deterministic',
  seed: 7,
  program: { kind: 'flat', image: image(guest.source), at, mode },
};
