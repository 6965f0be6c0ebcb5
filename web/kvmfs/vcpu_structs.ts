// The structs of a vCPU as files: each byte for byte, as the ioctl carries it, and as text in a twin `NAME.txt`.

import { parseInteger } from '../fs/index.ts';
import {
  decode,
  encode,
  KvmError,
  kvm_cpuid2,
  kvm_debugregs,
  kvm_fpu,
  kvm_lapic_state,
  kvm_mp_state,
  kvm_msrs,
  kvm_regs,
  kvm_sregs,
  kvm_vcpu_events,
  kvm_xcrs,
  kvm_xsave,
  type Struct,
  type Vcpu,
} from '../kvm/index.ts';
import { structFromText, structText } from './struct_text.ts';

/** One pair of files. Texts and bytes are whole values. */
export interface StructRow {
  readonly name: string;
  /** Bytes; undefined where it depends on the number of entries. */
  readonly size: number | undefined;
  get(vcpu: Vcpu): Uint8Array;
  set(vcpu: Vcpu, bytes: Uint8Array): void;
  text(vcpu: Vcpu): string;
  setText(vcpu: Vcpu, text: string): void;
}

/** A struct whose twin has a line for each field; a write of it sets the fields that it names. */
function plain<T>(
  name: string,
  struct: Struct<T>,
  get: (vcpu: Vcpu) => T,
  set: (vcpu: Vcpu, value: T) => void,
): StructRow {
  const bytesOf = (vcpu: Vcpu) => encode(struct, get(vcpu) as never);
  const any = struct as Struct<unknown>;
  return {
    ...{ name, size: struct.size, get: bytesOf },
    set: (vcpu, bytes) => set(vcpu, decode(struct, bytes)),
    text: (vcpu) => structText(any, bytesOf(vcpu)),
    setText: (vcpu, text) => set(vcpu, decode(struct, structFromText(any, bytesOf(vcpu), text))),
  };
}

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** Words of text in lines: `key=value key=value`. EINVAL. */
function pairsOf(line: string): Map<string, string> {
  const pairs = line.split(/\s+/).map((word) => {
    const at = word.indexOf('=');
    if (at < 0) throw new KvmError('EINVAL', `'${word}' has no value: write ${word}=...`);
    return [word.slice(0, at), word.slice(at + 1)] as const;
  });
  return new Map(pairs);
}

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');

function setMsrs(vcpu: Vcpu, entries: readonly { index: number; data: bigint }[]): void {
  const done = vcpu.setMsrs(entries);
  const refused = entries[done];
  if (refused !== undefined)
    throw new KvmError('EINVAL', `MSR ${hex(refused.index)} does not exist or refuses ${hex(refused.data)}`);
}

/** `msrs`: struct kvm_msrs with every MSR that a snapshot needs; a write sets those that it names. */
function msrsRow(indices: readonly number[]): StructRow {
  return {
    name: 'msrs',
    size: undefined,
    get(vcpu) {
      const entries = vcpu.getMsrs(indices);
      return encode(kvm_msrs, { nmsrs: entries.length, entries });
    },
    set: (vcpu, bytes) => setMsrs(vcpu, decode(kvm_msrs, bytes).entries),
    text: (vcpu) =>
      vcpu
        .getMsrs(indices)
        .map(({ index, data }) => `${hex(index)}=${hex(data)}`)
        .join('\n'),
    setText(vcpu, text) {
      const pairs = linesOf(text).flatMap((line) => [...pairsOf(line.trim())]);
      setMsrs(
        vcpu,
        pairs.map(([index, data]) => ({
          index: Number(parseInteger(index)),
          data: BigInt.asUintN(64, parseInteger(data)),
        })),
      );
    },
  };
}

const CPUID_WORDS = ['function', 'index', 'flags', 'eax', 'ebx', 'ecx', 'edx'] as const;

/** `cpuid`: struct kvm_cpuid2; its twin has a line for each leaf. A write replaces the whole table. */
const cpuidRow: StructRow = {
  name: 'cpuid',
  size: undefined,
  get(vcpu) {
    const entries = vcpu.getCpuid2();
    return encode(kvm_cpuid2, { nent: entries.length, entries });
  },
  set: (vcpu, bytes) => vcpu.setCpuid2(decode(kvm_cpuid2, bytes).entries),
  text: (vcpu) =>
    vcpu
      .getCpuid2()
      .map((entry) => CPUID_WORDS.map((word) => `${word}=${hex(entry[word])}`).join(' '))
      .join('\n'),
  setText(vcpu, text) {
    const entries = linesOf(text).map((line) => {
      const pairs = pairsOf(line.trim());
      for (const key of pairs.keys()) {
        if (!CPUID_WORDS.some((word) => word === key))
          throw new KvmError('EINVAL', `'${key}' is no word of a leaf; they are ${CPUID_WORDS.join(', ')}`);
      }
      return Object.fromEntries(
        CPUID_WORDS.map((word) => [word, Number(BigInt.asUintN(32, parseInteger(pairs.get(word) ?? '0')))]),
      );
    });
    vcpu.setCpuid2(entries);
  },
};

const MP_STATES = ['runnable', 'uninitialized', 'init_received', 'halted', 'sipi_received'] as const;

const mpStateRow: StructRow = {
  name: 'mp_state',
  size: kvm_mp_state.size,
  get: (vcpu) => encode(kvm_mp_state, { mp_state: vcpu.getMpState() }),
  set: (vcpu, bytes) => vcpu.setMpState(decode(kvm_mp_state, bytes).mp_state),
  text: (vcpu) => MP_STATES[vcpu.getMpState()] ?? String(vcpu.getMpState()),
  setText(vcpu, text) {
    const state = MP_STATES.indexOf(text as (typeof MP_STATES)[number]);
    if (state < 0) throw new KvmError('EINVAL', `'${text}' is not one of ${MP_STATES.join(', ')}`);
    vcpu.setMpState(state);
  },
};

/** The local APIC's registers by offset (SDM vol. 3, table 11-1); eight words each of ISR, TMR and IRR. */
const LAPIC_WORDS: readonly (readonly [string, number])[] = [
  ...([
    ['id', 0x20],
    ['version', 0x30],
    ['tpr', 0x80],
    ['apr', 0x90],
    ['ppr', 0xa0],
  ] as const),
  ...([
    ['ldr', 0xd0],
    ['dfr', 0xe0],
    ['svr', 0xf0],
    ['esr', 0x280],
    ['lvt_cmci', 0x2f0],
  ] as const),
  ...(['isr', 'tmr', 'irr'] as const).flatMap((name, n) =>
    Array.from({ length: 8 }, (_, word) => [`${name}${word}`, 0x100 + n * 0x80 + word * 0x10] as const),
  ),
  ...([
    ['icr_low', 0x300],
    ['icr_high', 0x310],
    ['lvt_timer', 0x320],
    ['lvt_thermal', 0x330],
  ] as const),
  ...([
    ['lvt_performance', 0x340],
    ['lvt_lint0', 0x350],
    ['lvt_lint1', 0x360],
    ['lvt_error', 0x370],
  ] as const),
  ...([
    ['timer_initial', 0x380],
    ['timer_current', 0x390],
    ['timer_divide', 0x3e0],
  ] as const),
];

const lapicRow: StructRow = {
  name: 'lapic',
  size: kvm_lapic_state.size,
  get: (vcpu) => encode(kvm_lapic_state, vcpu.getLapic()),
  set: (vcpu, bytes) => vcpu.setLapic(decode(kvm_lapic_state, bytes)),
  text(vcpu) {
    const { regs } = vcpu.getLapic();
    const view = new DataView(regs.buffer, regs.byteOffset);
    return LAPIC_WORDS.map(([name, at]) => `${name}=${hex(view.getUint32(at, true))}`).join('\n');
  },
  setText(vcpu, text) {
    const { regs } = vcpu.getLapic();
    const view = new DataView(regs.buffer, regs.byteOffset);
    for (const [name, value] of linesOf(text).flatMap((line) => [...pairsOf(line.trim())])) {
      const found = LAPIC_WORDS.find(([known]) => known === name);
      if (!found) throw new KvmError('EINVAL', `'${name}' is no register of the local APIC`);
      view.setUint32(found[1], Number(BigInt.asUintN(32, parseInteger(value))), true);
    }
    vcpu.setLapic({ regs });
  },
};

/** The struct files of a vCPU; `msrs` are the indices of KVM_GET_MSR_INDEX_LIST. */
export function structRows(msrs: readonly number[]): StructRow[] {
  return [
    plain(
      'regs',
      kvm_regs,
      (vcpu) => vcpu.getRegs(),
      (vcpu, value) => vcpu.setRegs(value),
    ),
    plain(
      'sregs',
      kvm_sregs,
      (vcpu) => vcpu.getSregs(),
      (vcpu, value) => vcpu.setSregs(value),
    ),
    plain(
      'fpu',
      kvm_fpu,
      (vcpu) => vcpu.getFpu(),
      (vcpu, value) => vcpu.setFpu(value),
    ),
    plain(
      'xsave',
      kvm_xsave,
      (vcpu) => vcpu.getXsave(),
      (vcpu, value) => vcpu.setXsave(value),
    ),
    plain(
      'xcrs',
      kvm_xcrs,
      (vcpu) => vcpu.getXcrs(),
      (vcpu, value) => vcpu.setXcrs(value),
    ),
    plain(
      'debugregs',
      kvm_debugregs,
      (vcpu) => vcpu.getDebugregs(),
      (vcpu, value) => vcpu.setDebugregs(value),
    ),
    plain(
      'events',
      kvm_vcpu_events,
      (vcpu) => vcpu.getVcpuEvents(),
      (vcpu, value) => vcpu.setVcpuEvents(value),
    ),
    msrsRow(msrs),
    cpuidRow,
    lapicRow,
    mpStateRow,
  ];
}
