// cpu/N/reg/: a file for each register, one value each. The table is the only list of register files.

import { parseInteger } from '../fs/index.ts';
import { KvmError, type KvmFpu, type KvmRegs, type KvmSegment, type Vcpu } from '../kvm/index.ts';

/** One register: its file's name and its value. `bits` is what a write is held against. */
export interface RegisterRow {
  readonly name: string;
  readonly bits: number;
  get(vcpu: Vcpu): bigint;
  set(vcpu: Vcpu, value: bigint): void;
}

const GENERAL = [
  ...([
    'rax',
    'rbx',
    'rcx',
    'rdx',
    'rsi',
    'rdi',
    'rsp',
    'rbp',
    'r8',
    'r9',
    'r10',
    'r11',
    'r12',
    'r13',
  ] as const),
  ...(['r14', 'r15', 'rip', 'rflags'] as const),
];
const CONTROL = ['cr0', 'cr2', 'cr3', 'cr4', 'cr8', 'efer', 'apic_base'] as const;
const SEGMENTS = ['cs', 'ds', 'es', 'fs', 'gs', 'ss', 'tr', 'ldt'] as const;
const TABLES = ['gdt', 'idt'] as const;

const general = (name: keyof KvmRegs): RegisterRow => ({
  name,
  bits: 64,
  get: (vcpu) => vcpu.getRegs()[name],
  set: (vcpu, value) => vcpu.setRegs({ [name]: value }),
});

const control = (name: (typeof CONTROL)[number]): RegisterRow => ({
  name,
  bits: 64,
  get: (vcpu) => vcpu.getSregs()[name],
  set: (vcpu, value) => vcpu.setSregs({ [name]: value }),
});

/** The attributes of a descriptor's second word, bits 8 to 23 shifted down (SDM vol. 3, 3.4.5); bit 16 says unusable. */
function attributesOf(segment: KvmSegment): number {
  const { type, s, dpl, present, avl, l, db, g, unusable } = segment;
  return (
    type |
    (s << 4) |
    (dpl << 5) |
    (present << 7) |
    (avl << 12) |
    (l << 13) |
    (db << 14) |
    (g << 15) |
    (unusable << 16)
  );
}

function fromAttributes(value: number): Partial<KvmSegment> {
  const bit = (n: number) => (value >> n) & 1;
  return {
    ...{ type: value & 15, s: bit(4), dpl: (value >> 5) & 3, present: bit(7) },
    ...{ avl: bit(12), l: bit(13), db: bit(14), g: bit(15), unusable: bit(16) },
  };
}

function segmentRows(name: (typeof SEGMENTS)[number]): RegisterRow[] {
  const get = (vcpu: Vcpu) => vcpu.getSregs()[name];
  const set = (vcpu: Vcpu, part: Partial<KvmSegment>) => vcpu.setSregs({ [name]: part });
  return [
    {
      ...{ name, bits: 16, get: (vcpu) => BigInt(get(vcpu).selector) },
      set: (vcpu, value) => set(vcpu, { selector: Number(value) }),
    },
    {
      ...{ name: `${name}.base`, bits: 64, get: (vcpu) => get(vcpu).base },
      set: (vcpu, value) => set(vcpu, { base: value }),
    },
    {
      ...{ name: `${name}.limit`, bits: 32, get: (vcpu) => BigInt(get(vcpu).limit) },
      set: (vcpu, value) => set(vcpu, { limit: Number(value) }),
    },
    {
      ...{ name: `${name}.attr`, bits: 17, get: (vcpu) => BigInt(attributesOf(get(vcpu))) },
      set: (vcpu, value) => set(vcpu, fromAttributes(Number(value))),
    },
  ];
}

const tableRows = (name: (typeof TABLES)[number]): RegisterRow[] => [
  {
    ...{ name: `${name}.base`, bits: 64, get: (vcpu) => vcpu.getSregs()[name].base },
    set: (vcpu, base) => vcpu.setSregs({ [name]: { base } }),
  },
  {
    ...{ name: `${name}.limit`, bits: 16, get: (vcpu) => BigInt(vcpu.getSregs()[name].limit) },
    set: (vcpu, limit) => vcpu.setSregs({ [name]: { limit: Number(limit) } }),
  },
];

const debugRow = (n: number): RegisterRow => ({
  name: `dr${n}`,
  bits: 64,
  get: (vcpu) => vcpu.getDebugregs().db[n] ?? 0n,
  set: (vcpu, value) =>
    vcpu.setDebugregs({ db: vcpu.getDebugregs().db.map((now, i) => (i === n ? value : now)) }),
});

const debugControl = (name: 'dr6' | 'dr7'): RegisterRow => ({
  name,
  bits: 64,
  get: (vcpu) => vcpu.getDebugregs()[name],
  set: (vcpu, value) => vcpu.setDebugregs({ [name]: value }),
});

const fpuWord = (name: 'fcw' | 'fsw' | 'mxcsr', bits: number): RegisterRow => ({
  name,
  bits,
  get: (vcpu) => BigInt(vcpu.getFpu()[name]),
  set: (vcpu, value) => vcpu.setFpu({ [name]: Number(value) }),
});

/** A register that lies in an array of 16-byte places of struct kvm_fpu: XMM0 to XMM15, ST(0) to ST(7). */
function wideRow(name: string, field: 'xmm' | 'fpr', n: number, bytes: number): RegisterRow {
  const place = n * 16;
  return {
    name,
    bits: bytes * 8,
    get(vcpu) {
      const all = (vcpu.getFpu() as KvmFpu)[field].subarray(place, place + bytes);
      return all.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
    },
    set(vcpu, value) {
      const all = vcpu.getFpu()[field];
      for (let i = 0; i < bytes; i++) all[place + i] = Number((value >> BigInt(8 * i)) & 0xffn);
      vcpu.setFpu({ [field]: all });
    },
  };
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

/** Every register file, in the order in which a person reads them. */
export const REGISTERS: readonly RegisterRow[] = [
  ...GENERAL.map(general),
  ...CONTROL.map(control),
  ...SEGMENTS.flatMap(segmentRows),
  ...TABLES.flatMap(tableRows),
  ...numbers(4).map(debugRow),
  debugControl('dr6'),
  debugControl('dr7'),
  fpuWord('fcw', 16),
  fpuWord('fsw', 16),
  fpuWord('mxcsr', 32),
  ...numbers(8).map((n) => wideRow(`st${n}`, 'fpr', n, 10)),
  ...numbers(16).map((n) => wideRow(`xmm${n}`, 'xmm', n, 16)),
];

/** The number in `text` for a register of `bits` bits; negative ones in two's complement. EINVAL. */
export function parseRegister(text: string, bits: number): bigint {
  const value = parseInteger(text);
  if (value >> BigInt(bits) !== 0n && value >> BigInt(bits - 1) !== -1n)
    throw new KvmError('EINVAL', `'${text}' does not fit the ${bits} bits of this register`);
  return BigInt.asUintN(bits, value);
}
