// Why KVM_RUN returned: every exit reason with its number, its arm of kvm_run and what a VMM does about it.
// It handles no exit; web/vmm does.

import { decode, type Struct, type ValueOf } from './layout.ts';
import { kvm_run, kvm_run_arms } from './structs.ts';

/** An arm of kvm_run's union, by the header's name. */
export type ExitArm = Exclude<keyof typeof kvm_run_arms, 'padding'>;

/** One exit reason. */
export interface Exit {
  readonly number: number;
  /** The header's name, e.g. 'KVM_EXIT_IO'. */
  readonly name: string;
  /** The arm of kvm_run that tells more, if any. */
  readonly arm: ExitArm | undefined;
  /** One sentence for a student about what a VMM does with it. */
  readonly meaning: string;
  /** True when only other architectures raise it. */
  readonly foreign: boolean;
}

type Row = readonly [number: number, name: string, arm: ExitArm | '', meaning: string];

const OTHER = 'Only another architecture raises it; an x86 VMM treats it as a bug.';

const ROWS = [
  [
    0,
    'UNKNOWN',
    'hw',
    'The processor left the guest for a reason KVM does not know; a VMM reports it and stops.',
  ],
  [1, 'EXCEPTION', 'ex', 'An exception KVM could not deliver; a VMM reports it and stops the vCPU.'],
  [2, 'IO', 'io', 'The guest used a port; the VMM passes the access to the device there and runs on.'],
  [
    3,
    'HYPERCALL',
    'hypercall',
    'The guest called its VMM; the VMM carries the call out and puts the result in ret.',
  ],
  [
    4,
    'DEBUG',
    'debug',
    'A breakpoint or a single step was hit; the VMM tells the debugger and waits for it.',
  ],
  [
    5,
    'HLT',
    '',
    'The guest waits for an interrupt and no in-kernel irqchip will bring one; the VMM must, or stop.',
  ],
  [
    6,
    'MMIO',
    'mmio',
    'The guest touched an address without RAM; the VMM passes the access to the device there.',
  ],
  [
    7,
    'IRQ_WINDOW_OPEN',
    '',
    'The guest can take an interrupt now, as the VMM had asked; it injects the pending one.',
  ],
  [
    8,
    'SHUTDOWN',
    '',
    'A triple fault: the guest could not even report its error; a VMM resets the machine or stops.',
  ],
  [
    9,
    'FAIL_ENTRY',
    'fail_entry',
    'The vCPU state is one no processor can run; the VMM reports it and stops.',
  ],
  [10, 'INTR', '', 'A signal interrupted KVM_RUN; the VMM looks at what it was told and runs on.'],
  [
    11,
    'SET_TPR',
    '',
    'The guest lowered its task priority; a VMM with its own APIC looks for an interrupt to inject.',
  ],
  [
    12,
    'TPR_ACCESS',
    'tpr_access',
    'The guest touched its task priority register; a VMM may patch the instruction.',
  ],
  [13, 'S390_SIEIC', '', OTHER],
  [14, 'S390_RESET', '', OTHER],
  [15, 'DCR', '', OTHER],
  [16, 'NMI', '', 'A non-maskable interrupt of the host arrived; the VMM runs on.'],
  [
    17,
    'INTERNAL_ERROR',
    'internal',
    'KVM gave up on the guest; a VMM dumps the registers and stops the vCPU.',
  ],
  [18, 'OSI', '', OTHER],
  [19, 'PAPR_HCALL', '', OTHER],
  [20, 'S390_UCONTROL', '', OTHER],
  [21, 'WATCHDOG', '', OTHER],
  [22, 'S390_TSCH', '', OTHER],
  [23, 'EPR', '', OTHER],
  [
    24,
    'SYSTEM_EVENT',
    'system_event',
    'The guest asked to shut down, reset or crash; the VMM does so to the machine.',
  ],
  [25, 'S390_STSI', '', OTHER],
  [
    26,
    'IOAPIC_EOI',
    'eoi',
    'The guest finished a level interrupt; a VMM with its own IOAPIC lowers that pin.',
  ],
  [
    27,
    'HYPERV',
    'hyperv',
    'The guest uses a Hyper-V interface; a VMM that offers it carries the request out.',
  ],
  [28, 'ARM_NISV', '', OTHER],
  [
    29,
    'X86_RDMSR',
    'msr',
    'The guest read an MSR that the VMM wanted to see; the VMM answers data or sets error for #GP.',
  ],
  [
    30,
    'X86_WRMSR',
    'msr',
    'The guest wrote an MSR that the VMM wanted to see; the VMM takes data or sets error for #GP.',
  ],
  [
    31,
    'DIRTY_RING_FULL',
    '',
    'The ring of dirtied pages is full; the VMM harvests it, resets it and runs on.',
  ],
  [32, 'AP_RESET_HOLD', '', 'A processor of an encrypted guest waits to be started; the VMM parks it.'],
  [33, 'X86_BUS_LOCK', '', 'The guest locked the whole bus with a split access; a VMM may slow it down.'],
  [34, 'XEN', 'xen', 'The guest made a Xen hypercall; a VMM that offers Xen carries it out.'],
  [35, 'RISCV_SBI', '', OTHER],
  [36, 'RISCV_CSR', '', OTHER],
  [
    37,
    'NOTIFY',
    'notify',
    'The guest stayed inside one instruction for too long; a VMM reports or stops it.',
  ],
] as const satisfies readonly Row[];

/** The name of an exit reason without KVM_EXIT_, e.g. 'IO'. */
export type ExitName = (typeof ROWS)[number][1];

/** KVM_EXIT_* numbers by name without the prefix. */
export const KVM_EXIT = Object.fromEntries(ROWS.map(([number, name]) => [name, number])) as Record<
  ExitName,
  number
>;

/** Every exit reason; its index is its number. */
export const EXITS: readonly Exit[] = (ROWS as readonly Row[]).map(([number, name, arm, meaning]) => ({
  number,
  name: `KVM_EXIT_${name}`,
  arm: arm === '' ? undefined : arm,
  meaning,
  foreign: meaning === OTHER,
}));

/** KVM_EXIT_IO_IN and KVM_EXIT_IO_OUT: kvm_run.io.direction. */
export const KVM_EXIT_IO_IN = 0;
export const KVM_EXIT_IO_OUT = 1;

/** KVM_INTERNAL_ERROR_*: internal.suberror, each with one sentence. */
export const INTERNAL_ERRORS: Readonly<Record<number, string>> = {
  1: 'KVM_INTERNAL_ERROR_EMULATION: an instruction that the core does not know; its bytes are in insn_bytes.',
  2: 'KVM_INTERNAL_ERROR_SIMUL_EX: two exceptions at once that cannot be combined.',
  3: 'KVM_INTERNAL_ERROR_DELIVERY_EV: delivering an event failed in a way the guest cannot be told of.',
  4: 'KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON: the core stopped for a reason that it does not explain.',
};

/** KVM_SYSTEM_EVENT_*: system_event.type. */
export const SYSTEM_EVENTS: Readonly<Record<number, string>> = {
  1: 'KVM_SYSTEM_EVENT_SHUTDOWN',
  2: 'KVM_SYSTEM_EVENT_RESET',
  3: 'KVM_SYSTEM_EVENT_CRASH',
  4: 'KVM_SYSTEM_EVENT_WAKEUP',
  5: 'KVM_SYSTEM_EVENT_SUSPEND',
  6: 'KVM_SYSTEM_EVENT_SEV_TERM',
};

/** The exit with this number; an unknown number is described as such instead of refused. */
export function exitOf(number: number): Exit {
  const known = EXITS[number];
  if (known) return known;
  const meaning = 'This reason is in no header we know; a VMM reports it and stops.';
  return { number, name: `KVM_EXIT_${number}`, arm: undefined, meaning, foreign: true };
}

/** The values of each arm. */
export type ExitFields = { [A in ExitArm]: ValueOf<(typeof kvm_run_arms)[A]> };

/** Where the exit union starts in kvm_run, in bytes. */
export const KVM_RUN_UNION = kvm_run.fields.find((field) => field.name === 'io')?.offset ?? 0;

/** Reads one arm of the exit union from the bytes of a kvm_run page. */
export function readArm<A extends ExitArm>(runPage: Uint8Array, arm: A): ExitFields[A] {
  const struct = kvm_run_arms[arm] as unknown as Struct<ExitFields[A]>;
  return decode(struct, runPage.subarray(KVM_RUN_UNION, KVM_RUN_UNION + struct.size));
}
