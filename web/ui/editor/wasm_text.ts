// A region's module as WebAssembly text, with the names of what its locals and functions are. The reader of modules is loaded
// when it is first needed.

import { functionName, localName, pageField, type Region } from '../../session/views/index.ts';

/** A line of the text: its place in the module, how deep it lies, and what stands there. */
export interface WasmLine {
  readonly offset: number;
  readonly depth: number;
  readonly text: string;
  /** What the line means, where that can be said: a field of the vCPU page. */
  readonly note?: string;
}

const load = () => import('wasmparser');

/** Spaces of one level. */
const INDENT = 2;
/** A line of the disassembler that is an access to memory. */
const ACCESS = /^[iv]\d+\.(load|store)\S* ?(?:offset=(\d+))?/;

/**
 * What an access to the vCPU page is about. A load has the page's address right before it; the offset of a store says enough,
 * but for the first registers, whose value then comes right before it.
 */
function noteOf(lines: readonly string[], at: number, code: number): string | undefined {
  const match = ACCESS.exec(lines[at] ?? '');
  if (!match) return undefined;
  const offset = Number(match[2] ?? 0);
  const field = pageField(offset, code);
  if (field === undefined) return undefined;
  if (match[1] === 'load') return lines[at - 1] === 'local.get $v' ? field : undefined;
  const isRegister = !field.startsWith('V_');
  const isItsOwn = [lines[at - 1], lines[at - 2]].includes(`local.get $${field}`);
  return !isRegister || isItsOwn ? field : undefined;
}

/** The lines of a region's function without its locals. */
export async function wasmLines(module: Uint8Array, { code }: Pick<Region, 'code'>): Promise<WasmLine[]> {
  const { BinaryReader, DefaultNameResolver, WasmDisassembler } = await load();
  class Names extends DefaultNameResolver {
    override getFunctionName(index: number): string {
      return `$${functionName(index)}`;
    }
    override getVariableName(_function: number, index: number): string {
      return `$${localName(index, code)}`;
    }
  }
  const reader = new BinaryReader();
  reader.setData(module.slice().buffer, 0, module.length);
  const disassembler = new WasmDisassembler();
  disassembler.addOffsets = true;
  disassembler.nameResolver = new Names();
  disassembler.disassembleChunk(reader);
  const { lines, offsets = [], functionBodyOffsets = [] } = disassembler.getResult();
  const all = lines.map((text, n) => ({ text, offset: offsets[n] ?? 0 }));
  return functionBodyOffsets.flatMap(({ start, end }) =>
    bodyLines(
      all.filter(({ text, offset }) => offset >= start && offset < end && !/^ *\(/.test(text)),
      code,
    ),
  );
}

/** The lines of one function as they are shown. */
function bodyLines(own: readonly { text: string; offset: number }[], code: number): WasmLine[] {
  const least = Math.min(...own.map(({ text }) => text.search(/\S|$/)));
  // Guests align as they like, so every access says so.
  const plain = own.map(({ text }) =>
    text
      .trim()
      .replace(/ align=1$/, '')
      .replace(/^\)$/, 'end'),
  );
  return own.map(({ text, offset }, n): WasmLine => {
    const note = noteOf(plain, n, code);
    const depth = Math.max(0, (text.search(/\S|$/) - least) / INDENT);
    return { offset, depth, text: plain[n] ?? '', ...(note !== undefined && { note }) };
  });
}
