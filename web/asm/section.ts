// Sections and where they come to lie in a flat binary. It knows no labels and no instructions.

/** One section; its bytes grow as statements are laid out. */
export class Section {
  readonly name: string;
  readonly index: number;
  /** It has addresses but no bytes in the output. */
  readonly nobits: boolean;
  size = 0;
  align: number;
  /** The address of its first byte, and that byte's offset in the output. */
  base = 0n;
  fileOffset = 0;
  /** What `start=` and `vstart=` asked for. */
  start: bigint | undefined;
  vstart: bigint | undefined;
  private buffer = new Uint8Array(1024);

  constructor(name: string, index: number, nobits: boolean, align: number) {
    this.name = name;
    this.index = index;
    this.nobits = nobits;
    this.align = align;
  }

  write(bytes: Uint8Array): void {
    const end = this.size + bytes.length;
    if (end > this.buffer.length) {
      const larger = new Uint8Array(Math.max(end, this.buffer.length * 2));
      larger.set(this.buffer.subarray(0, this.size));
      this.buffer = larger;
    }
    this.buffer.set(bytes, this.size);
    this.size = end;
  }

  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.nobits ? 0 : this.size);
  }
}

/** All sections of one assembly; .text is there from the start. */
export class SectionTable {
  readonly all: Section[] = [];
  readonly text: Section;
  origin: bigint;

  constructor(origin: bigint) {
    this.origin = origin;
    this.text = this.open('.text');
    this.text.base = origin;
  }

  /** The section of this name, made when it is new. */
  open(name: string, nobits?: boolean): Section {
    const known = this.all.find((section) => section.name === name);
    if (known) return known;
    const section = new Section(name, this.all.length, nobits ?? name === '.bss', name === '.text' ? 16 : 4);
    this.all.push(section);
    return section;
  }

  raise(section: Section, align: number): void {
    section.align = Math.max(section.align, align);
  }

  setOrigin(origin: bigint): void {
    this.origin = origin;
    if (this.text.vstart === undefined && this.text.start === undefined) this.text.base = origin;
  }

  rewind(): void {
    for (const section of this.all) section.size = 0;
  }

  /** The sections in the order of the output: those with bytes first. */
  private ordered(): Section[] {
    return [
      ...this.all.filter((section) => !section.nobits),
      ...this.all.filter((section) => section.nobits),
    ];
  }

  /** Gives each section its base; true when one has moved since the last time. */
  place(): boolean {
    let at = 0;
    let moved = false;
    for (const section of this.ordered()) {
      if (section.start !== undefined) at = Number(section.start - this.origin);
      else if (section !== this.text && at > 0) at = Math.ceil(at / section.align) * section.align;
      const base = section.vstart ?? this.origin + BigInt(at);
      if (base !== section.base) moved = true;
      section.base = base;
      section.fileOffset = at;
      at += section.size;
    }
    return moved;
  }

  /** The output. */
  join(): Uint8Array {
    const filled = this.all.filter((section) => !section.nobits && section.size > 0);
    const end = filled.reduce((most, section) => Math.max(most, section.fileOffset + section.size), 0);
    const bytes = new Uint8Array(end);
    for (const section of filled) bytes.set(section.bytes, section.fileOffset);
    return bytes;
  }
}
