// CPUID: what the core can do, as KVM_GET_SUPPORTED_CPUID lists it, and the table each vCPU answers from.

import {
  IMAGE_AVX,
  IMAGE_AVX_BYTES,
  IMAGE_PKRU,
  IMAGE_PKRU_BYTES,
  XCR0_SSE,
  XCR0_X87,
  XSAVE_LEAST_BYTES,
} from '../../assembly/abi/fpu.ts';
import { PAGE_SIZE, VCPU_CPUID } from '../../assembly/abi/map.ts';
import {
  decode,
  encode,
  type Input,
  type KvmCpuidEntry2,
  KvmError,
  kvm_cpuid_entry2,
  kvm_cpuid2,
} from './abi/index.ts';
import type { MachineMemory } from './memory.ts';
import { retired, vcpuArea, vcpuPage } from './vm_page.ts';

/** KVM_CPUID_FLAG_SIGNIFCANT_INDEX (the header's spelling): the leaf depends on ECX. */
export const KVM_CPUID_FLAG_SIGNIFCANT_INDEX = 1;

type Register = 'eax' | 'ebx' | 'ecx' | 'edx';
type Feature = readonly [leaf: number, register: Register, bit: number, name: string];

/** Every feature bit that is set, with the name of the manual. A bit stands here only once the core does it. */
export const FEATURES: readonly Feature[] = [
  [1, 'edx', 0, 'FPU'],
  [1, 'edx', 1, 'VME'],
  [1, 'edx', 2, 'DE'],
  [1, 'edx', 3, 'PSE'],
  [1, 'edx', 4, 'TSC'],
  [1, 'edx', 5, 'MSR'],
  [1, 'edx', 6, 'PAE'],
  [1, 'edx', 8, 'CX8'],
  [1, 'edx', 9, 'APIC'],
  [1, 'edx', 11, 'SEP'],
  [1, 'edx', 12, 'MTRR'],
  [1, 'edx', 13, 'PGE'],
  [1, 'edx', 15, 'CMOV'],
  [1, 'edx', 16, 'PAT'],
  [1, 'edx', 17, 'PSE-36'],
  [1, 'edx', 19, 'CLFSH'],
  [1, 'edx', 23, 'MMX'],
  [1, 'edx', 24, 'FXSR'],
  [1, 'edx', 25, 'SSE'],
  [1, 'edx', 26, 'SSE2'],
  [1, 'ecx', 0, 'SSE3'],
  [1, 'ecx', 1, 'PCLMULQDQ'],
  [1, 'ecx', 9, 'SSSE3'],
  [1, 'ecx', 12, 'FMA'],
  [1, 'ecx', 13, 'CMPXCHG16B'],
  [1, 'ecx', 17, 'PCID'],
  [1, 'ecx', 19, 'SSE4.1'],
  [1, 'ecx', 20, 'SSE4.2'],
  [1, 'ecx', 21, 'x2APIC'],
  [1, 'ecx', 22, 'MOVBE'],
  [1, 'ecx', 23, 'POPCNT'],
  [1, 'ecx', 24, 'TSC-Deadline'],
  [1, 'ecx', 25, 'AES'],
  [1, 'ecx', 26, 'XSAVE'],
  [1, 'ecx', 28, 'AVX'],
  [1, 'ecx', 29, 'F16C'],
  [1, 'ecx', 30, 'RDRAND'],
  [1, 'ecx', 31, 'hypervisor'],
  [7, 'ebx', 0, 'FSGSBASE'],
  [7, 'ebx', 1, 'TSC_ADJUST'],
  [7, 'ebx', 3, 'BMI1'],
  [7, 'ebx', 5, 'AVX2'],
  [7, 'ebx', 6, 'FDP_EXCPTN_ONLY'],
  [7, 'ebx', 7, 'SMEP'],
  [7, 'ebx', 8, 'BMI2'],
  [7, 'ebx', 9, 'ERMS'],
  [7, 'ebx', 10, 'INVPCID'],
  [7, 'ebx', 13, 'no FCS and FDS'],
  [7, 'ebx', 18, 'RDSEED'],
  [7, 'ebx', 19, 'ADX'],
  [7, 'ebx', 20, 'SMAP'],
  [7, 'ebx', 23, 'CLFLUSHOPT'],
  [7, 'ebx', 29, 'SHA'],
  [7, 'ecx', 2, 'UMIP'],
  [7, 'ecx', 3, 'PKU'],
  [7, 'ecx', 22, 'RDPID'],
  [7, 'edx', 4, 'FSRM'],
  [7, 'edx', 26, 'IBRS and IBPB'],
  [7, 'edx', 27, 'STIBP'],
  [7, 'edx', 29, 'ARCH_CAPABILITIES'],
  [7, 'edx', 31, 'SSBD'],
  [13, 'eax', 0, 'XSAVEOPT'],
  [0x4000_0001, 'eax', 0, 'KVM clock'],
  [0x4000_0001, 'eax', 1, 'KVM no I/O delay'],
  [0x4000_0001, 'eax', 3, 'KVM clock, new MSRs'],
  [0x4000_0001, 'eax', 4, 'KVM async page faults'],
  [0x4000_0001, 'eax', 5, 'KVM steal time'],
  [0x4000_0001, 'eax', 6, 'KVM EOI by a bit'],
  [0x4000_0001, 'eax', 7, 'KVM unhalt'],
  [0x4000_0001, 'eax', 9, 'KVM TLB flush'],
  [0x4000_0001, 'eax', 10, 'KVM async page faults as exits'],
  [0x4000_0001, 'eax', 11, 'KVM send IPI'],
  [0x4000_0001, 'eax', 12, 'KVM poll control'],
  [0x4000_0001, 'eax', 13, 'KVM yield'],
  [0x4000_0001, 'eax', 14, 'KVM async page faults by interrupt'],
  [0x4000_0001, 'eax', 24, 'KVM clock is stable'],
  [0x8000_0001, 'ecx', 0, 'LAHF64'],
  [0x8000_0001, 'ecx', 5, 'LZCNT'],
  [0x8000_0001, 'ecx', 8, 'PREFETCHW'],
  [0x8000_0001, 'edx', 11, 'SYSCALL'],
  [0x8000_0001, 'edx', 20, 'NX'],
  [0x8000_0001, 'edx', 26, '1GiB pages'],
  [0x8000_0001, 'edx', 27, 'RDTSCP'],
  [0x8000_0001, 'edx', 29, 'LM'],
  [0x8000_0007, 'edx', 8, 'invariant TSC'],
];

/** Sub-leaf that holds a leaf's features, where it is not 0. */
const FEATURE_INDEX: Readonly<Record<number, number>> = { 13: 1 };

/** Leaf 1, EAX, and EDX after reset: family 6, model 15, stepping 11. */
const PROCESSOR_SIGNATURE = 0x6fb;
const VENDOR = 'GenuineIntel';
const BRAND = 'Vitrine KVM virtual processor';
/** Leaf 1, EBX bits 15 to 8: CLFLUSH works on lines of 8 * 8 bytes. */
const CACHE_LINE = 8 << 8;
/**
 * Leaf 7, sub-leaf 2, EDX: SPEC_CTRL has BHI_DIS_S. Linux asks for it even where BHI_NO says that there is nothing to hold back,
 * and else clears a branch history by a loop in each system call.
 */
const BHI_CTRL = 1 << 4;
/** Physical and linear address bits: the page walk's MAXPHYADDR is 40. */
const ADDRESS_BITS = 40 | (48 << 8);

/** State components beyond x87 and SSE, in standard form (SDM vol. 1, 13.4 and 13.5). */
const XSAVE_COMPONENTS = [
  { component: 2, offset: IMAGE_AVX, size: IMAGE_AVX_BYTES }, // upper halves of YMM
  { component: 9, offset: IMAGE_PKRU, size: IMAGE_PKRU_BYTES },
];

/** Four characters as CPUID spells text: the first in the lowest byte. */
function word(text: string, at: number): number {
  let value = 0;
  for (let i = 0; i < 4; i++) value |= (text.charCodeAt(at + i) || 0) << (i * 8);
  return value >>> 0;
}

function entry(leaf: number, values: Partial<Record<Register, number>> = {}, index?: number): KvmCpuidEntry2 {
  const features: Record<Register, number> = { eax: 0, ebx: 0, ecx: 0, edx: 0 };
  if ((index ?? 0) === (FEATURE_INDEX[leaf] ?? 0))
    for (const [of, register, bit] of FEATURES) if (of === leaf) features[register] |= 1 << bit;
  const pick = (register: Register): number => ((values[register] ?? 0) | features[register]) >>> 0;
  return {
    function: leaf,
    index: index ?? 0,
    flags: index === undefined ? 0 : KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
    eax: pick('eax'),
    ebx: pick('ebx'),
    ecx: pick('ecx'),
    edx: pick('edx'),
    padding: [0, 0, 0],
  };
}

function brandEntries(): KvmCpuidEntry2[] {
  return [0, 1, 2].map((part) => {
    const at = part * 16;
    const [eax, ebx, ecx, edx] = [0, 4, 8, 12].map((byte) => word(BRAND, at + byte)) as [
      number,
      number,
      number,
      number,
    ];
    return entry(0x8000_0002 + part, { eax, ebx, ecx, edx });
  });
}

/** Leaf 0xd: the state components and their places in an XSAVE image (EBX of sub-leaf 0 follows XCR0, in the core). */
function xsaveEntries(): KvmCpuidEntry2[] {
  const end = Math.max(...XSAVE_COMPONENTS.map(({ offset, size }) => offset + size));
  return [
    entry(13, { eax: supportedXcr0(), ebx: XSAVE_LEAST_BYTES, ecx: end }, 0),
    entry(13, {}, 1),
    ...XSAVE_COMPONENTS.map(({ component, offset, size }) =>
      entry(13, { eax: size, ebx: offset }, component),
    ),
  ];
}

/** State components that XCR0 may name. */
export function supportedXcr0(): number {
  return XSAVE_COMPONENTS.reduce((bits, { component }) => bits | (1 << component), XCR0_X87 | XCR0_SSE);
}

/** KVM_GET_EMULATED_CPUID: MOVBE and RDPID, which KVM does in software too. */
export function emulatedCpuid(): KvmCpuidEntry2[] {
  const bare = { eax: 0, ebx: 0, ecx: 0, edx: 0, padding: [0, 0, 0] };
  return [
    { ...bare, function: 0, index: 0, flags: 0, eax: 7 },
    { ...bare, function: 1, index: 0, flags: 0, ecx: 1 << 22 },
    { ...bare, function: 7, index: 0, flags: KVM_CPUID_FLAG_SIGNIFCANT_INDEX, ecx: 1 << 22 },
  ];
}

/** KVM_GET_SUPPORTED_CPUID. A VMM gives each vCPU its own APIC id with cpuidOf. */
export function supportedCpuid(): KvmCpuidEntry2[] {
  return [
    entry(0, { eax: 13, ebx: word(VENDOR, 0), edx: word(VENDOR, 4), ecx: word(VENDOR, 8) }),
    entry(1, { eax: PROCESSOR_SIGNATURE, ebx: CACHE_LINE }),
    entry(7, { eax: 2 }, 0),
    entry(7, {}, 1),
    entry(7, { edx: BHI_CTRL }, 2),
    ...xsaveEntries(),
    // The signature of KVM, by which a guest finds its paravirtual features in the leaf behind.
    entry(0x4000_0000, { eax: 0x4000_0001, ebx: word('KVMK', 0), ecx: word('VMKV', 0), edx: word('M', 0) }),
    entry(0x4000_0001),
    entry(0x8000_0000, { eax: 0x8000_0008 }),
    entry(0x8000_0001),
    ...brandEntries(),
    entry(0x8000_0007),
    entry(0x8000_0008, { eax: ADDRESS_BITS }),
  ];
}

/**
 * The entries for one vCPU of a VM with `count` of them: its APIC id and their number are in leaf 1 (SDM vol. 2, CPUID),
 * and leaf 0xb lists one thread a core.
 */
export function cpuidOf(entries: readonly KvmCpuidEntry2[], id: number, count: number): KvmCpuidEntry2[] {
  const topology = [
    entry(0xb, { eax: 0, ebx: 1, ecx: 0x100, edx: id }, 0),
    entry(0xb, { eax: 32 - Math.clz32(count - 1), ebx: count, ecx: 0x201, edx: id }, 1),
  ];
  const adapted = entries.map((each) => {
    if (each.function === 0) return { ...each, eax: Math.max(each.eax, 0xb) };
    if (each.function !== 1) return each;
    const ebx = ((id << 24) | (count << 16) | (each.ebx & 0xffff)) >>> 0;
    return { ...each, ebx, edx: (count > 1 ? each.edx | (1 << 28) : each.edx) >>> 0 };
  });
  return [...adapted.filter(({ function: leaf }) => leaf !== 0xb), ...topology];
}

/** Entries that fit a vCPU's CPUID page: KVM_MAX_CPUID_ENTRIES of this VM. */
export const MAX_CPUID_ENTRIES = Math.floor((PAGE_SIZE - kvm_cpuid2.size) / kvm_cpuid_entry2.size);

/** The table of a vCPU: a struct kvm_cpuid2 in its area, which the core searches. */
export function readCpuid(memory: MachineMemory, id: number): KvmCpuidEntry2[] {
  const at = vcpuArea(memory, id) + VCPU_CPUID;
  const count = Math.min(memory.u32(at), MAX_CPUID_ENTRIES);
  return decode(kvm_cpuid2, memory.bytes(at, kvm_cpuid2.size + count * kvm_cpuid_entry2.size)).entries;
}

/** Linear address bits that a table may announce in leaf 0x80000008; 0 stands for 32 bits. */
const LINEAR_BITS = [0, 48];

function same(now: readonly KvmCpuidEntry2[], next: readonly Input<KvmCpuidEntry2>[]): boolean {
  const names = ['function', 'index', 'flags', 'eax', 'ebx', 'ecx', 'edx'] as const;
  return (
    now.length === next.length &&
    now.every((entry, n) => names.every((name) => entry[name] === (next[n]?.[name] ?? 0)))
  );
}

/**
 * Replaces the table of a vCPU. E2BIG above MAX_CPUID_ENTRIES; EINVAL for linear addresses that are not of 48 bits, and
 * for another table once the vCPU has run.
 */
export function writeCpuid(
  memory: MachineMemory,
  id: number,
  entries: readonly Input<KvmCpuidEntry2>[],
): void {
  if (entries.length > MAX_CPUID_ENTRIES) {
    throw new KvmError(
      'E2BIG',
      `a vCPU has room for ${MAX_CPUID_ENTRIES} CPUID entries; ${entries.length} were given.`,
    );
  }
  const sizes = entries.find((entry) => entry.function === 0x8000_0008);
  if (sizes && !LINEAR_BITS.includes(((sizes.eax ?? 0) >> 8) & 0xff)) {
    throw new KvmError('EINVAL', 'leaf 0x80000008 announces linear addresses that are not of 48 bits.');
  }
  if (retired(memory, vcpuPage(memory, id)) !== 0n && !same(readCpuid(memory, id), entries)) {
    throw new KvmError('EINVAL', 'the vCPU has run: its CPUID table can no longer change.');
  }
  const page = memory.bytes(vcpuArea(memory, id) + VCPU_CPUID, PAGE_SIZE);
  page.fill(0);
  page.set(encode(kvm_cpuid2, { nent: entries.length, entries }));
}
