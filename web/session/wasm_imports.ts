// What a Wasm module says of the memory it imports, read from its bytes: engines do not tell. It runs nothing.

/** Limits in pages of 64 KiB. */
export interface MemoryLimits {
  readonly minimum: number;
  readonly maximum: number | undefined;
}

const IMPORT_SECTION = 2;
const FUNCTION = 0;
const TABLE = 1;
const MEMORY = 2;
const HAS_MAXIMUM = 1;

/** Reads numbers from a module's bytes (WebAssembly core specification, 5.2.2). */
class Reader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new Error('The Wasm file ends too early; build it anew.');
    return byte;
  }

  number(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  skip(bytes: number): void {
    this.at += bytes;
  }

  limits(): MemoryLimits {
    const flags = this.byte();
    const minimum = this.number();
    return { minimum, maximum: flags & HAS_MAXIMUM ? this.number() : undefined };
  }
}

/** Goes to a section's contents; false when the module has no such section. */
function findSection(reader: Reader, id: number, end: number): boolean {
  while (reader.at < end) {
    const found = reader.byte();
    const size = reader.number();
    if (found === id) return true;
    reader.skip(size);
  }
  return false;
}

/** The limits of the memory that a module imports, undefined when it imports none. Throws for what is no Wasm. */
export function importedMemory(module: Uint8Array): MemoryLimits | undefined {
  if (String.fromCharCode(...module.subarray(0, 4)) !== '\0asm') {
    throw new Error('This is no Wasm file; give one that clang has linked.');
  }
  const reader = new Reader(module, 8);
  if (!findSection(reader, IMPORT_SECTION, module.length)) return undefined;
  for (let left = reader.number(); left > 0; left--) {
    reader.skip(reader.number());
    reader.skip(reader.number());
    const kind = reader.byte();
    if (kind === MEMORY) return reader.limits();
    if (kind === FUNCTION) reader.number();
    else if (kind === TABLE) {
      reader.byte();
      reader.limits();
    } else reader.skip(2);
  }
  return undefined;
}
