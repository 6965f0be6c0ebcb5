// The state of a vCPU as one table of named numbers, read and written through the KVM API. It knows no cases.
import {
  MSR_APIC_BASE,
  MSR_CSTAR,
  MSR_KERNEL_GS_BASE,
  MSR_LSTAR,
  MSR_MISC_ENABLE,
  MSR_PAT,
  MSR_STAR,
  MSR_SYSCALL_MASK,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  MSR_TSC_AUX,
} from '../../../assembly/abi/x86.ts';
import type { Input, KvmSegment, KvmSregs, KvmXsave, Vcpu } from '../../../web/kvm/index.ts';
import { EMPTY } from './values.ts';

export type State = Map<string, bigint>;

export const GPR = [
  ...(['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'] as const),
  ...(['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const),
];
/** Segment registers under their names here and in struct kvm_sregs. */
export const SEGMENTS = [
  ['es', 'es'],
  ['cs', 'cs'],
  ['ss', 'ss'],
  ['ds', 'ds'],
  ['fs', 'fs'],
  ['gs', 'gs'],
  ['ldtr', 'ldt'],
  ['tr', 'tr'],
] as const;
const CONTROL = ['cr0', 'cr2', 'cr3', 'cr4', 'cr8', 'efer'] as const;
const MSRS: readonly (readonly [string, number])[] = [
  ['star', MSR_STAR],
  ['lstar', MSR_LSTAR],
  ['cstar', MSR_CSTAR],
  ['fmask', MSR_SYSCALL_MASK],
  ['kernel_gs_base', MSR_KERNEL_GS_BASE],
  ['sysenter_cs', MSR_SYSENTER_CS],
  ['sysenter_esp', MSR_SYSENTER_ESP],
  ['sysenter_eip', MSR_SYSENTER_EIP],
  ['pat', MSR_PAT],
  ['tsc_aux', MSR_TSC_AUX],
  ['misc_enable', MSR_MISC_ENABLE],
  ['apic_base', MSR_APIC_BASE],
];

const UNUSABLE = 0x10000;

/** Attributes as the second word of a descriptor has them in bits 8 to 23, and 0x10000 for an unusable segment. */
function attrOf(segment: KvmSegment): number {
  return (
    segment.type |
    (segment.s << 4) |
    (segment.dpl << 5) |
    (segment.present << 7) |
    (segment.avl << 12) |
    (segment.l << 13) |
    (segment.db << 14) |
    (segment.g << 15) |
    (segment.unusable ? UNUSABLE : 0)
  );
}

function segmentOf(selector: bigint, base: bigint, limit: bigint, attr: number): Input<KvmSegment> {
  const bit = (n: number): number => (attr >>> n) & 1;
  return {
    base,
    limit: Number(limit),
    selector: Number(selector),
    type: attr & 15,
    s: bit(4),
    dpl: (attr >>> 5) & 3,
    present: bit(7),
    avl: bit(12),
    l: bit(13),
    db: bit(14),
    g: bit(15),
    unusable: bit(16),
  };
}

// XSAVE image in standard form (SDM vol. 1, 13.4).
const ST = 32;
const XMM = 160;
const HEADER = 512;
const AVX = 576;
const XSAVE_BYTES = 4096;
const LOW = (1n << 64n) - 1n;

function readFloat(state: State, vcpu: Vcpu): void {
  const view = new DataView(Uint32Array.from(vcpu.getXsave().region).buffer);
  const u64 = (at: number): bigint => view.getBigUint64(at, true);
  const fsw = view.getUint16(2, true);
  const tags = view.getUint8(4);
  const top = (fsw >> 11) & 7;
  state.set('fcw', BigInt(view.getUint16(0, true)));
  state.set('fsw', BigInt(fsw));
  state.set('ftag', BigInt(tags));
  state.set('fop', BigInt(view.getUint16(6, true)));
  state.set('fip', u64(8));
  state.set('fdp', u64(16));
  state.set('mxcsr', BigInt(view.getUint32(24, true)));
  for (let i = 0; i < 8; i++) {
    const value = u64(ST + i * 16) | (BigInt(view.getUint16(ST + i * 16 + 8, true)) << 64n);
    const physical = (top + i) & 7;
    state.set(`st${i}`, tags & (1 << physical) ? value : EMPTY);
    state.set(`mm${physical}`, value & LOW);
  }
  for (let i = 0; i < 16; i++) {
    const low = u64(XMM + i * 16) | (u64(XMM + i * 16 + 8) << 64n);
    const high = u64(AVX + i * 16) | (u64(AVX + i * 16 + 8) << 64n);
    state.set(`ymm${i}`, low | (high << 128n));
  }
}

function writeFloat(state: State, vcpu: Vcpu, mmx: boolean): void {
  const region = new Uint32Array(XSAVE_BYTES / 4);
  const view = new DataView(region.buffer);
  const get = (name: string): bigint => state.get(name) ?? 0n;
  const fsw = Number(get('fsw'));
  const top = (fsw >> 11) & 7;
  let tags = Number(get('ftag'));
  for (let i = 0; i < 8; i++) {
    const physical = (top + i) & 7;
    const st = state.get(`st${i}`) ?? EMPTY;
    if (mmx) {
      view.setBigUint64(ST + i * 16, get(`mm${physical}`), true);
      view.setUint16(ST + i * 16 + 8, 0xffff, true);
    } else if (st !== EMPTY) {
      tags |= 1 << physical;
      view.setBigUint64(ST + i * 16, st & LOW, true);
      view.setUint16(ST + i * 16 + 8, Number(st >> 64n), true);
    }
  }
  view.setUint16(0, Number(get('fcw')), true);
  view.setUint16(2, fsw, true);
  view.setUint8(4, tags);
  view.setUint16(6, Number(get('fop')), true);
  view.setBigUint64(8, get('fip'), true);
  view.setBigUint64(16, get('fdp'), true);
  view.setUint32(24, Number(get('mxcsr')), true);
  for (let i = 0; i < 16; i++) {
    const value = get(`ymm${i}`);
    for (let part = 0; part < 4; part++) {
      const at = part < 2 ? XMM + i * 16 + part * 8 : AVX + i * 16 + (part - 2) * 8;
      view.setBigUint64(at, (value >> BigInt(part * 64)) & LOW, true);
    }
  }
  view.setUint32(HEADER, 7, true);
  vcpu.setXsave({ region: region as unknown as number[] } as Input<KvmXsave>);
}

export function readState(vcpu: Vcpu): State {
  const state: State = new Map();
  const regs = vcpu.getRegs();
  const sregs = vcpu.getSregs();
  for (const name of GPR) state.set(name, regs[name]);
  state.set('rip', regs.rip);
  state.set('flags', regs.rflags);
  for (const [name, field] of SEGMENTS) {
    const segment = sregs[field];
    state.set(name, BigInt(segment.selector));
    state.set(`${name}.base`, segment.base);
    state.set(`${name}.limit`, BigInt(segment.limit));
    state.set(`${name}.attr`, BigInt(attrOf(segment)));
  }
  for (const table of ['gdt', 'idt'] as const) {
    state.set(`${table}r.base`, sregs[table].base);
    state.set(`${table}r.limit`, BigInt(sregs[table].limit));
  }
  for (const name of CONTROL) state.set(name, sregs[name]);
  const debug = vcpu.getDebugregs();
  debug.db.forEach((value, n) => {
    state.set(`dr${n}`, value);
  });
  state.set('dr6', debug.dr6);
  state.set('dr7', debug.dr7);
  vcpu.getMsrs(MSRS.map(([, index]) => index)).forEach(({ data }, n) => {
    state.set(MSRS[n]?.[0] ?? '', data);
  });
  state.set('xcr0', vcpu.getXcrs().xcrs[0]?.value ?? 0n);
  readFloat(state, vcpu);
  return state;
}

/** Sets everything that `readState` reads; `mmx` says that the x87 registers are given as mm0 to mm7. */
export function writeState(state: State, vcpu: Vcpu, mmx: boolean): void {
  const get = (name: string): bigint => state.get(name) ?? 0n;
  const segments = SEGMENTS.map(([name, field]) => [
    field,
    segmentOf(get(name), get(`${name}.base`), get(`${name}.limit`), Number(get(`${name}.attr`))),
  ]);
  const table = (name: string) => ({ base: get(`${name}.base`), limit: Number(get(`${name}.limit`)) });
  vcpu.setSregs({
    ...(Object.fromEntries(segments) as Input<KvmSregs>),
    ...(Object.fromEntries(CONTROL.map((name) => [name, get(name)])) as Input<KvmSregs>),
    gdt: table('gdtr'),
    idt: table('idtr'),
    apic_base: get('apic_base'),
  });
  const regs = Object.fromEntries(GPR.map((name) => [name, get(name)]));
  vcpu.setRegs({ ...regs, rip: get('rip'), rflags: get('flags') });
  vcpu.setDebugregs({
    db: [get('dr0'), get('dr1'), get('dr2'), get('dr3')],
    dr6: get('dr6'),
    dr7: get('dr7'),
  });
  vcpu.setMsrs(MSRS.map(([name, index]) => ({ index, data: get(name) })));
  vcpu.setXcrs({ nr_xcrs: 1, xcrs: [{ xcr: 0, value: get('xcr0') }] });
  writeFloat(state, vcpu, mmx);
  vcpu.setVcpuEvents({ flags: 5, interrupt: { injected: 0, shadow: 0 }, nmi: { pending: 0, masked: 0 } });
}
