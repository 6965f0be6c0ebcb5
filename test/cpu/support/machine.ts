// The machine in which golden cases run: one vCPU over the frame, from a case to the state before and after.
import { readFileSync } from 'node:fs';
import { RUN_BUDGET, RUN_EXIT, V_DB_PENDING } from '../../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT, Kvm, type Vcpu, type Vm } from '../../../web/kvm/index.ts';
import { assembleCase, type Case, memoryBytes, type Program, symbolsOf } from './case.ts';
import * as frame from './frame.ts';
import { placeOf, setDescriptor, setItem, setPage } from './items.ts';
import { GPR, readState, type State, writeState } from './state.ts';
import { MAX_ENTRIES, type Tier } from './tiers.ts';
import { EMPTY, parseNumber } from './values.ts';

const { SYMBOLS } = frame;
const VECTORS: Readonly<Record<number, string>> = {
  0: '#DE',
  1: '#DB',
  2: 'NMI',
  3: '#BP',
  4: '#OF',
  5: '#BR',
  6: '#UD',
  7: '#NM',
  8: '#DF',
  10: '#TS',
  11: '#NP',
  12: '#SS',
  13: '#GP',
  14: '#PF',
  16: '#MF',
  17: '#AC',
  18: '#MC',
  19: '#XM',
};
const WITH_CODE = [8, 10, 11, 12, 13, 14, 17];
const HLT = 0xf4;
const RF_AND_ONE = 0x10002n;
const LOW_32 = 0xffffffffn;

/** What came of a run. */
export interface Outcome {
  readonly before: State;
  readonly after: State;
  /** `end`, or where and why else it stopped, as `=` lines say it. */
  readonly end: string;
  /** Port and MMIO accesses in order. */
  readonly exits: readonly string[];
  readonly memoryBefore: Uint8Array;
  readonly memoryAfter: Uint8Array;
  readonly program: Program;
}

/** A case made ready: memory and registers before it runs. */
interface Prepared {
  readonly program: Program;
  readonly image: Uint8Array;
  readonly state: State;
  readonly mmx: boolean;
  /** The state as the vCPU shows it once it is set. */
  before?: State;
}

export class CpuMachine {
  readonly #vm: Vm;
  readonly #vcpu: Vcpu;
  readonly #ram: Uint8Array;
  readonly #pristine: State;
  #prepared: [Case, Prepared] | undefined;

  constructor() {
    const kvm = Kvm.open({ core: new WebAssembly.Module(readFileSync('build/core.wasm')) });
    this.#vm = kvm.createVm({ maxVcpus: 1, memoryLimit: 2 ** 26 });
    const userspace_addr = this.#vm.allocate(frame.RAM);
    this.#vm.setUserMemoryRegion({ slot: 0, guest_phys_addr: 0, memory_size: frame.RAM, userspace_addr });
    this.#vcpu = this.#vm.createVcpu(0);
    this.#vcpu.setCpuid2(kvm.getSupportedCpuid());
    this.#ram = this.#vm.guest(0, frame.RAM) as Uint8Array;
    this.#pristine = readState(this.#vcpu);
  }

  get vm(): Vm {
    return this.#vm;
  }

  /** The vCPU that cases run on. */
  get vcpu(): Vcpu {
    return this.#vcpu;
  }

  /** Runs a case in one tier. */
  run(test: Case, tier: Tier): Outcome {
    if (this.#prepared?.[0] !== test) this.#prepared = [test, this.#prepare(test)];
    const prepared = this.#prepared[1];
    this.#vm.compileAfter(tier.compileAfter);
    if (!tier.warm) this.#vm.written(0, frame.RAM);
    this.#load(prepared);
    prepared.before ??= this.#view(test, readState(this.#vcpu), prepared.image.slice());
    if (tier.warm) {
      this.#drive(tier, []);
      this.#load(prepared);
    }
    const exits: string[] = [];
    const why = this.#drive(tier, exits);
    const memoryAfter = this.#ram.slice();
    const memoryBefore = prepared.image.slice();
    const before = this.#view(test, new Map(prepared.before), memoryBefore);
    const after = this.#view(test, readState(this.#vcpu), memoryAfter);
    const { program } = prepared;
    const end = why === 'halted' ? this.#ending(test, program, after, memoryBefore, memoryAfter) : why;
    return { before, after, end, exits, memoryBefore, memoryAfter, program };
  }

  /** Memory and registers of a case, page by page, so that decoded blocks of pages that did not change stay. */
  #load({ image, state, mmx }: Prepared): void {
    for (let at = 0; at < frame.RAM; at += 0x1000) {
      const page = image.subarray(at, at + 0x1000);
      if (Buffer.compare(this.#ram.subarray(at, at + 0x1000), page) !== 0) this.#vm.write(at, page);
    }
    writeState(state, this.#vcpu, mmx);
    // A trap that waits has no place in the KVM API; it belongs to the case before.
    this.#vm.memory.setU32(this.#vcpu.page + V_DB_PENDING, 0);
  }

  /** Enters until the vCPU halts; anything else that ends a run comes back as its own words. */
  #drive(tier: Tier, exits: string[]): string {
    this.#vcpu.setGuestDebug({ control: tier.debug });
    const why = this.#enter(tier, exits);
    this.#vcpu.setGuestDebug({ control: 0 });
    return why;
  }

  #enter(tier: Tier, exits: string[]): string {
    for (let n = 0; n < MAX_ENTRIES; n++) {
      const why = tier.enter(this.#vcpu);
      if (why === RUN_BUDGET) continue;
      if (why !== RUN_EXIT) return `run gives ${why}`;
      const run = this.#vcpu.kvmRun;
      switch (run.exitReason) {
        case KVM_EXIT.HLT:
          return 'halted';
        case KVM_EXIT.SHUTDOWN:
          return 'shutdown';
        case KVM_EXIT.DEBUG:
          continue;
        case KVM_EXIT.IO: {
          const { write, port, data } = run.io;
          const size = data.length === 1 ? '' : `.${data.length}`;
          if (!write) data.fill(0xff);
          exits.push(
            `${write ? 'out' : 'in'} 0x${port.toString(16)}${size}${write ? ` ${bytes(data)}` : ''}`,
          );
          continue;
        }
        case KVM_EXIT.MMIO: {
          const { write, gpa, data } = run.mmio;
          if (!write) data.fill(0xff);
          const place = `0x${gpa.toString(16)}.${data.length}`;
          exits.push(`${write ? 'write' : 'read'} ${place}${write ? ` ${bytes(data)}` : ''}`);
          continue;
        }
        default:
          return `exit ${run.exitReason}`;
      }
    }
    return 'does not end';
  }

  /** State as cases see it: 32-bit registers outside long mode, no RF, page-table entries as registers. */
  #view(test: Case, state: State, memory: Uint8Array): State {
    if (test.mode !== '64')
      for (const name of GPR) {
        if (/r\d/.test(name)) state.delete(name);
        else state.set(name, (state.get(name) ?? 0n) & LOW_32);
      }
    state.set('flags', (state.get('flags') ?? 0n) & ~RF_AND_ONE);
    const real = ((state.get('cr0') ?? 0n) & 1n) === 0n;
    state.set('cpl', real ? 0n : ((state.get('ss.attr') ?? 0n) >> 5n) & 3n);
    const wide = test.paging !== '32';
    if (test.paging !== 'off') {
      const view = new DataView(memory.buffer, memory.byteOffset);
      for (let page = 0; page <= frame.RAM / 0x1000; page++) {
        const entry = wide
          ? view.getBigUint64(frame.PAGE_TABLE + page * 8, true)
          : BigInt(view.getUint32(frame.PAGE_TABLE + page * 4, true));
        state.set(`page 0x${(page * 0x1000).toString(16)}`, entry);
      }
      memory.fill(0, frame.PAGE_TABLE, frame.PAGE_TABLE + 0x1000);
    }
    return state;
  }

  /** What the HLT says at which the vCPU stands. An event's frame is read back, and struck out of the memories. */
  #ending(test: Case, program: Program, state: State, before: Uint8Array, after: Uint8Array): string {
    const get = (name: string): bigint => state.get(name) ?? 0n;
    const protectedMode = (get('cr0') & 1n) !== 0n;
    const vector = Number(get('rip')) - 1 - frame.STUBS;
    const stub = protectedMode ? [0x08n, 0x18n].includes(get('cs')) : get('cs') === 0n;
    const place = (at: number): string => (at === program.end ? 'end' : `at ${placeOf(at, program)}`);
    const linear = (rip: bigint): number =>
      Number((rip + (test.mode === '64' ? 0n : get('cs.base'))) & LOW_32);
    if (!stub || vector < 0 || vector > 255) return place(linear(get('rip')) - 1);
    const width = !protectedMode ? 2 : get('efer') & 0x400n ? 8 : 4;
    const view = new DataView(after.buffer);
    let sp = get('rsp');
    if (width === 2) sp = (sp & 0xffffn) + get('ss.base');
    else if (width === 4) sp = (sp + get('ss.base')) & LOW_32;
    const first = Number(sp);
    const word = (n: number): bigint => {
      const at = first + n * width;
      if (at + width > after.length) return 0n;
      if (width === 2) return BigInt(view.getUint16(at, true));
      return width === 4 ? BigInt(view.getUint32(at, true)) : view.getBigUint64(at, true);
    };
    const code = WITH_CODE.includes(vector) && width > 2 ? 1 : 0;
    const error = code ? word(0) & LOW_32 : 0n;
    const rip = word(code);
    const selector = word(code + 1);
    const outer = width > 2 && (selector & 3n) !== 0n;
    const words = code + (width === 8 || outer ? 5 : 3);
    state.set('flags', word(code + 2) & ~RF_AND_ONE);
    state.set('cs', selector & 0xffffn);
    if (width === 8 || outer) {
      state.set('rsp', word(code + 3));
      state.set('ss', word(code + 4) & 0xffffn);
    } else {
      const sum = get('rsp') + BigInt(words * width);
      state.set('rsp', width === 2 ? (get('rsp') & ~0xffffn) | (sum & 0xffffn) : sum & LOW_32);
    }
    state.set('cpl', width === 2 ? 0n : selector & 3n);
    // The hidden parts are the handler's.
    for (const name of ['cs', 'ss'])
      for (const part of ['base', 'limit', 'attr']) state.delete(`${name}.${part}`);
    const last = first + words * width;
    for (const memory of [before, after]) {
      memory.fill(0, first, last);
      // Below the stack of the handlers there is nothing of the case's.
      if (outer) memory.fill(0, frame.KERNEL_STACK - 0x100, frame.KERNEL_STACK);
    }
    const at = Number((rip + (test.mode === 'real' ? selector << 4n : 0n)) & 0xffffffffffffn);
    if (vector === 13 && outer && error === 0n && at < after.length && after[at] === HLT) return place(at);
    const name = VECTORS[vector] ?? `int 0x${vector.toString(16)}`;
    const shown = code ? `(${error ? `0x${error.toString(16)}` : 0})` : '';
    const where = rip > LOW_32 ? `0x${rip.toString(16)}` : placeOf(at, program);
    return `${name}${shown} at ${where}`;
  }

  #prepare(test: Case): Prepared {
    const program = assembleCase(test);
    const number = (text: string): bigint => parseNumber(text, symbolsOf(program.labels));
    const image = frame.frameImage(test.mode, test.paging);
    const view = new DataView(image.buffer);
    for (const { address, bytes: code } of program.chunks) image.set(code, address);
    const mmx = usesMmx(test);
    const state = this.#initial(test, program, mmx);
    const registers: [string, string][] = [];
    for (const { name, value } of test.settings) {
      if (name === 'org') continue;
      if (name.startsWith('[')) {
        image.set(memoryBytes(value, program.labels), Number(number(name.slice(1, -1))));
      } else if (name === 'gdt' || name === 'ldt' || name === 'idt') {
        setDescriptor(view, test.mode, name, value, number);
      } else if (name === 'page') {
        const [, address = '', text = ''] = /^(\S+)\s+(.*)$/.exec(value) ?? [];
        setPage(view, test.paging, Number(number(address)), text);
      } else {
        registers.push([name, value]);
      }
    }
    for (const [name, value] of registers) setItem(state, name, value, number, { test, view });
    return { program, image, state, mmx };
  }

  /** The state that settings start from: registers 0, flat segments, the frame's tables. */
  #initial(test: Case, program: Program, mmx: boolean): State {
    const state: State = new Map(this.#pristine);
    const number = (text: string): bigint => BigInt(text);
    const tables = { test, view: new DataView(frame.frameImage(test.mode, test.paging).buffer) };
    const set = (name: string, value: bigint | number): void =>
      setItem(state, name, String(value), number, tables);
    for (const name of GPR) state.set(name, 0n);
    set('rsp', frame.STACK);
    set('rip', program.origin);
    state.set('flags', 2n);
    state.set('mxcsr', 0x1f80n);
    state.set('fcw', 0x37fn);
    state.set('ftag', mmx ? 0xffn : 0n);
    for (let i = 0; i < 8; i++) state.set(`st${i}`, EMPTY);
    state.set('xcr0', 7n);
    state.set('gdtr.base', BigInt(frame.GDT));
    state.set('gdtr.limit', BigInt(frame.GDT_LIMIT));
    state.set('cr4', 0x40600n);
    state.set('cr0', 0x10n);
    state.set('idtr.limit', 0x3ffn);
    if (test.mode === 'real') {
      for (const name of ['cs', 'ds', 'es', 'fs', 'gs', 'ss']) set(name, 0);
      return state;
    }
    const long = test.mode === '64';
    state.set('idtr.base', BigInt(frame.IDT));
    state.set('idtr.limit', long ? 0xfffn : 0x7ffn);
    state.set('cr0', test.paging === 'off' ? 0x50033n : 0x80050033n);
    if (test.paging !== 'off') state.set('cr3', BigInt(SYMBOLS.tables as number));
    state.set('cr4', test.paging === 'pae' || long ? 0x40620n : 0x40600n);
    state.set('efer', long ? 0xd01n : 0x801n);
    const { code, data } = frame.SELECTORS[test.mode as '32'][test.cpl];
    set('cs', code);
    for (const name of ['ss', 'ds', 'es', 'fs', 'gs']) set(name, data);
    set('ldtr', frame.LDT_SELECTOR);
    set('tr', frame.TSS_SELECTOR);
    return state;
  }
}

const bytes = (data: Uint8Array): string =>
  Buffer.from(data)
    .toString('hex')
    .replace(/..(?=.)/g, '$& ');

/** True when the case is about MMX: then mm0 to mm7 are shown, and ST(i) are not. */
export function usesMmx(test: Case): boolean {
  return /\bmm[0-7]\b/.test(test.source) || test.settings.some(({ name }) => /^mm[0-7]$/.test(name));
}
