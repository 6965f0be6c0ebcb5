// Whether the engine has the tail calls by which the functions of a split region go on (assembly/jit/split.ts).

/** A module whose one function is `return_call 0`. */
const MODULE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x04, 0x01, 0x60, 0x00, 0x00],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x0a, 0x06, 0x01, 0x04, 0x00, 0x12, 0x00, 0x0b],
);

/** This engine has tail calls. */
export const HAS_TAIL_CALLS = WebAssembly.validate(MODULE);

/** VM_WHOLE where regions shall become whole after `instructions`: an engine without tail calls can compile no split region. */
export function wholeWord(instructions: number, hasTailCalls = HAS_TAIL_CALLS): number {
  return hasTailCalls ? instructions : 0;
}
