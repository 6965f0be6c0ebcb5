// What the numbers in a region's module stand for: its locals, the functions of the core that it calls, fields of the vCPU page.

import * as page from '../../../assembly/abi/vcpu_page.ts';
import { IMPORTS } from '../../kvm/regions.ts';

/** The locals of a region's function in their order (assembly/jit/locals.ts), up to its general registers. */
export const LOCALS = [
  ...['v', 'budget', 'entry', 'address', 'flow', 'tlb', 'kind', 'cf', 'a32', 'b32', 'r32', 'carry', 'over'],
  ...['a64', 'b64', 'r64', 'rip', 'la', 'a', 'b', 'res'],
] as const;

/** Those that regions with vector instructions have behind the general registers. */
export const VECTOR_LOCALS = [
  ...['slow', 'x64', 'y64', 'z64', 'left', 'right', 'x32', 'y32', 'z32', 'xv', 'yv', 'zv', 'tv'],
] as const;

const GPR = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
const GENERAL = 16;

/** The name of general register `n` in code of 32 or 64 bits. */
function registerName(n: number, code: number): string {
  if (n >= 8) return `r${n}`;
  return `${code === 64 ? 'r' : 'e'}${GPR[n]}`;
}

/** The name of local `index` of a region of 32-bit or 64-bit code. */
export function localName(index: number, code: number): string {
  const general = index - LOCALS.length;
  if (general < 0) return LOCALS[index] ?? `local${index}`;
  if (general < GENERAL) return registerName(general, code);
  return VECTOR_LOCALS[general - GENERAL] ?? `x${index}`;
}

/** The name of function `index`: what the core has, and behind it the region itself. */
export function functionName(index: number): string {
  return IMPORTS[index] ?? 'region';
}

const FIELDS = new Map(
  Object.entries(page)
    .filter(([name]) => name.startsWith('V_'))
    .map(([name, offset]) => [offset as number, name] as const),
);

/** What lies at an offset of the vCPU page: a register, or a field by its name in the core; undefined for another place. */
export function pageField(offset: number, code: number): string | undefined {
  const register = (offset - page.V_GPR) / 8;
  if (register >= 0 && register < GENERAL)
    return Number.isInteger(register) ? registerName(register, code) : undefined;
  return FIELDS.get(offset);
}
