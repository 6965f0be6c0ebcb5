// A region's guest code beside its Wasm: which lines are whose. No React, no memory.

import type { PlaceKind, Region, RegionText } from '../../session/views/index.ts';
import type { WasmLine } from '../editor/wasm_text.ts';

/** Who executes an instruction of a region: its Wasm alone, a function of the core that it calls, or the interpreter. */
export type Execution = 'wasm' | 'call' | 'interpreter';

/** A row of the guest's side: an instruction, or what surrounds instructions. */
export interface CodeRow {
  readonly id: string;
  readonly kind: PlaceKind;
  readonly address: bigint;
  readonly bytes: Uint8Array;
  /** The instruction, or what the Wasm does there. */
  readonly text: string;
  /** Bytes of Wasm that are its own. */
  readonly size: number;
  readonly by: Execution;
  /** It does not follow the row before it in memory. */
  readonly isApart: boolean;
}

/** A line of the Wasm side, and the row that it belongs to. */
export interface CodeLine extends WasmLine {
  readonly row: string;
}

export interface RegionCode {
  readonly rows: readonly CodeRow[];
  readonly lines: readonly CodeLine[];
}

/** An instruction as the disassembler has it. */
export interface Instruction {
  readonly text: string;
  readonly bytes: Uint8Array;
}

const SENTENCES: Record<Exclude<PlaceKind, 'instruction'>, string> = {
  entry: 'entry: state into locals',
  loop: 'loop: any request? budget left?',
  exit: 'ways out: state back, where to go on',
};

const idOf = (kind: PlaceKind, delta: number): string =>
  `${kind}${kind === 'instruction' || kind === 'loop' ? delta : ''}`;

function textOf(kind: PlaceKind, instruction: Instruction | undefined): string {
  return kind === 'instruction' ? (instruction?.text ?? '?') : SENTENCES[kind];
}

/** What a row's lines say of who executes it. */
function executionOf(lines: readonly CodeLine[]): Execution {
  const called = lines.map(({ text }) => /^call \$compiled_(\w+)/.exec(text)?.[1]);
  if (called.includes('record')) return 'interpreter';
  return called.some((name) => name && /^(light|float|compare|string|x87|call)/.test(name)) ? 'call' : 'wasm';
}

/** Joins the places of a region with its instructions, by their distance from the entry, and the lines of its Wasm. */
export function joinRegion(
  { rip }: Pick<Region, 'rip'>,
  { module, places }: RegionText,
  instructions: ReadonlyMap<number, Instruction>,
  wasm: readonly WasmLine[],
): RegionCode {
  const sizes = new Map<string, number>();
  const found = new Map<string, { readonly kind: PlaceKind; readonly delta: number }>();
  places.forEach(({ kind, delta, offset }, n) => {
    const id = idOf(kind, delta);
    found.set(id, { kind, delta });
    const end = places[n + 1]?.offset ?? module.length;
    sizes.set(id, (sizes.get(id) ?? 0) + end - offset);
  });
  let at = -1;
  const lines = wasm.map((line): CodeLine => {
    while (at + 1 < places.length && (places[at + 1]?.offset ?? 0) <= line.offset) at++;
    const place = places[Math.max(0, at)];
    return { ...line, row: place ? idOf(place.kind, place.delta) : '' };
  });
  const byRow = new Map<string, CodeLine[]>();
  for (const line of lines) byRow.set(line.row, [...(byRow.get(line.row) ?? []), line]);
  const order: Record<PlaceKind, number> = { entry: 0, loop: 1, instruction: 2, exit: 3 };
  const sorted = [...found].sort(([, a], [, b]) => {
    const edge = (kind: PlaceKind) => (kind === 'entry' ? -1 : kind === 'exit' ? 1 : 0);
    return edge(a.kind) - edge(b.kind) || a.delta - b.delta || order[a.kind] - order[b.kind];
  });
  let end: number | undefined;
  const rows = sorted.map(([id, { kind, delta }]): CodeRow => {
    const instruction = instructions.get(delta);
    const isApart = kind !== 'entry' && kind !== 'exit' && end !== undefined && end !== delta;
    if (kind === 'instruction') end = delta + (instruction?.bytes.length ?? 0);
    else if (isApart) end = delta;
    return {
      ...{ id, kind, isApart, address: BigInt.asUintN(64, rip + BigInt(delta)), size: sizes.get(id) ?? 0 },
      bytes: kind === 'instruction' ? (instruction?.bytes ?? new Uint8Array()) : new Uint8Array(),
      text: textOf(kind, instruction),
      by: kind === 'instruction' ? executionOf(byRow.get(id) ?? []) : 'wasm',
    };
  });
  return { rows, lines };
}
