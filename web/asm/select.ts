// The choice of one form for an instruction, or the error that says why there is none.

import { adapt, alternatives, resized } from './adapt.ts';
import { errorAt, nearest, type Place } from './errors.ts';
import { Register } from './iced.ts';
import { fitsForm, type MatchContext, ofMeantSizes, type Resolved } from './match.ts';
import type { Bits, InstructionStatement } from './operand.ts';
import { registerInfo } from './registers.ts';
import { type Entry, type Form, formLength, formsFor, mnemonics } from './table.ts';

/** Instructions that NASM lets have a memory operand of the mode's size when none is written. */
const DEFAULT_SIZE =
  /^(call|jmp|cvtsi2s[sd]|vcvtsi2s[sd]|nop|sldt|str|smsw|lgdt|lidt|sgdt|sidt|pinsrw|pextrw|ptwrite|movnti|vcvtt?pd2(ps|dq))$/;

/** An unknown word where an instruction should stand. */
export function unknownInstruction(statement: { mnemonic: string; place: Place }): Error {
  const near = nearest(statement.mnemonic, mnemonics());
  return errorAt(
    statement.place,
    `There is no instruction '${statement.mnemonic}'${near ? `; did you mean '${near}'?` : "; a label needs ':' after it."}`,
  );
}

/** Outside 64-bit code there are eight registers of a kind, and none of 64 bits. */
function checkExists({ operand, register, address }: Resolved, bits: Bits): void {
  const used = [register, address?.base, address?.index].flatMap((one) => {
    if (typeof one !== 'number') return one ?? [];
    return one === Register.None ? [] : registerInfo(one);
  });
  const missing = used.find(
    ({ class: kind, size, number, name }) =>
      (kind === 'gpr' && (size === 8 || number > 7 || /^(spl|bpl|sil|dil)$/.test(name))) ||
      (kind === 'vector' && number > 7),
  );
  if (!missing) return;
  const instead =
    missing.class === 'gpr' && missing.number < 8 && missing.size === 8
      ? `use ${resized(missing, 4).name} or `
      : '';
  throw errorAt(
    operand.place,
    `${missing.name} exists only in 64-bit code and this is ${bits}-bit code; ${instead}write bits 64 above.`,
  );
}

/** A form and the operands in its order. */
export interface Chosen {
  readonly form: Form;
  readonly operands: readonly Resolved[];
}

/** Chooses as NASM does; throws AsmError when nothing fits. */
export function choose(
  statement: InstructionStatement,
  mnemonic: string,
  entry: Entry,
  given: readonly Resolved[],
  match: MatchContext,
): Chosen {
  if (match.bits !== 64) for (const operand of given) checkExists(operand, match.bits);
  const forms = formsFor(mnemonic, entry, match.bits);
  let best: Chosen | undefined;
  let ambiguous = false;
  const attempt = (operands: readonly Resolved[], only?: (form: Form) => boolean) => {
    const fitting = forms.filter((form) => fitsForm(form, operands, match) && (only?.(form) ?? true));
    const first = fitting[0];
    if (!first) return;
    const sizes = new Set(fitting.map((form) => form.memorySize));
    const memory = operands.some(
      (operand) => operand.operand.kind === 'memory' && operand.size === undefined,
    );
    if (memory && sizes.size > 1 && !first.farMemory && !DEFAULT_SIZE.test(mnemonic)) {
      ambiguous = true;
      return;
    }
    // NASM's far jumps through memory have a 64-bit offset in 64-bit code.
    const wide =
      match.bits === 64 && first.farMemory && match.operandSize === undefined
        ? { ...match, operandSize: 64 }
        : match;
    const form = ofMeantSizes(fitting, wide)[0] ?? first;
    if (!best || formLength(form, match.bits) < formLength(best.form, match.bits)) best = { form, operands };
  };
  const { operands, only } = adapt(mnemonic, entry, given, match);
  const [first, second] = operands;
  // NASM has XCHG's first register in the reg field, iced its second.
  if (mnemonic === 'xchg' && first?.register && second?.register) attempt([second, first], only);
  attempt(operands, only);
  if ((mnemonic === 'xchg' || mnemonic === 'test') && first && second && !best)
    attempt([second, first], only);
  if (!best && !ambiguous) for (const other of alternatives(mnemonic, operands)) if (!best) attempt(other);
  if (best) return best;
  throw ambiguous ? unclearSize(statement) : noForm(statement, entry, operands, match.bits);
}

function unclearSize(statement: InstructionStatement): Error {
  const memory = statement.operands.find((operand) => operand.kind === 'memory');
  return errorAt(
    memory?.place ?? statement.place,
    `The size of this memory operand is not clear; write byte, word, dword or qword before the bracket, as in '${statement.mnemonic} dword [...]'.`,
  );
}

const SAY: Readonly<Record<string, string>> = {
  register: 'a register',
  immediate: 'a number',
  memory: 'memory',
  far: 'a far address',
};

function noForm(
  statement: InstructionStatement,
  entry: Entry,
  operands: readonly Resolved[],
  bits: Bits,
): Error {
  const { mnemonic, place } = statement;
  const forms = entry.forms.filter((form) => form.modes[bits]);
  if (forms.length === 0) {
    const modes = ([16, 32, 64] as const).filter((mode) => entry.forms.some((form) => form.modes[mode]));
    return errorAt(
      place,
      `'${mnemonic}' does not exist in ${bits}-bit code; it needs bits ${modes.join(' or ')}.`,
    );
  }
  const counts = [...new Set(forms.map((form) => form.written.length))].sort();
  if (!counts.includes(operands.length)) {
    return errorAt(
      place,
      `'${mnemonic}' takes ${counts.join(' or ')} ${counts.join() === '1' ? 'operand' : 'operands'}, not ${operands.length}.`,
    );
  }
  const [first, second] = operands;
  if (first?.operand.kind === 'memory' && second?.operand.kind === 'memory') {
    return errorAt(place, `'${mnemonic}' cannot take two memory operands; move one through a register.`);
  }
  const sizes = operands.filter(
    (operand) => operand.register?.class === 'gpr' || (operand.operand.kind === 'memory' && operand.size),
  );
  if (new Set(sizes.map((operand) => operand.size)).size > 1) {
    const list = sizes
      .map((operand) => `${operand.register?.name ?? 'memory'} has ${(operand.size ?? 0) * 8} bits`)
      .join(', ');
    return errorAt(
      place,
      `The operands of '${mnemonic}' differ in size (${list}); use the same size for both, or movzx and movsx to widen.`,
    );
  }
  const kinds = operands.map((operand) => operand.register?.name ?? SAY[operand.operand.kind]).join(', ');
  return errorAt(
    place,
    `'${mnemonic}' does not take ${kinds}; look up its operands or put the value into a register first.`,
  );
}
