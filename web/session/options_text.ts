// The options of a machine as one line of text, as /kvm/vm0/options holds it: what the machine is made of, not its program.
import { boolean, type Format, parseInteger, size, word } from '../fs/index.ts';
import { KvmError } from '../kvm/abi/errno.ts';
import type { DeviceRequest, TransportName } from '../virtio/index.ts';
import { JIT_ENTRIES } from '../vmm/defaults.ts';
import { devices } from './devices_text.ts';
import type { EntryMode, MachineOptions, SlotRequest } from './types.ts';

/** What the file holds: options without the bytes that run, and where a flat image enters. */
export interface MachineLine
  extends Omit<MachineOptions, 'program' | 'input' | 'seed' | 'jit' | 'jitMemory' | 'exitPort' | 'reboot'> {
  readonly seed: number | undefined;
  readonly exitPort: number | undefined;
  readonly jit: number | 'off';
  readonly jitMemory: number;
  /** What a reset by the guest does; left to the kind of program if undefined. */
  readonly reboot: boolean | undefined;
  readonly slots: SlotRequest[];
  readonly devices: DeviceRequest[];
  readonly transport: TransportName;
  /** Guest-physical address of a flat image, and the mode that it is entered in. */
  readonly at: number;
  readonly mode: EntryMode;
}

/** What a page that says nothing gets. */
export const DEFAULT_LINE: MachineLine = {
  memory: 64 << 20,
  cpus: 1,
  engine: 'parallel',
  seed: undefined,
  irqchip: true,
  logDirty: false,
  jit: JIT_ENTRIES,
  jitMemory: 8 * 2 ** 20,
  exitPort: undefined,
  reboot: undefined,
  slots: [],
  devices: [],
  transport: 'pci',
  at: 0x7c00,
  mode: 'real',
};

// Whether a number makes a machine is judged when one is made, in the words of web/vmm.
const integer: Format<number> = { format: String, parse: (text) => Number(parseInteger(text)) };
const hexadecimal: Format<number> = { ...integer, format: (value) => `0x${value.toString(16)}` };
const bytes: Format<number> = {
  format: (value) => (Number.isSafeInteger(value) && value >= 0 ? size.format(BigInt(value)) : String(value)),
  parse: (text) => Number(size.parse(text)),
};

function optional<T>(format: Format<T>): Format<T | undefined> {
  return {
    format: (value) => (value === undefined ? 'none' : format.format(value)),
    parse: (text) => (text === 'none' ? undefined : format.parse(text)),
  };
}

const FLAGS = { readonly: 'ro', logDirty: 'log' } as const;

const slot: Format<SlotRequest> = {
  format: ({ gpa, size: length, readonly, logDirty }) =>
    [hexadecimal.format(gpa), bytes.format(length), readonly && FLAGS.readonly, logDirty && FLAGS.logDirty]
      .filter(Boolean)
      .join(':'),
  parse(text) {
    const [gpa = '', length = '', ...flags] = text.split(':');
    const wrong = flags.find((flag) => flag !== FLAGS.readonly && flag !== FLAGS.logDirty);
    if (length === '' || wrong !== undefined)
      throw new KvmError('EINVAL', `'${text}' is no slot: write it as 0x100000:4M:ro:log`);
    return {
      gpa: hexadecimal.parse(gpa),
      size: bytes.parse(length),
      ...(flags.includes(FLAGS.readonly) && { readonly: true }),
      ...(flags.includes(FLAGS.logDirty) && { logDirty: true }),
    };
  },
};

const slots: Format<SlotRequest[]> = {
  format: (all) => (all.length === 0 ? 'none' : all.map(slot.format).join(',')),
  parse: (text) => (text === 'none' ? [] : text.split(',').map(slot.parse)),
};

const jit: Format<number | 'off'> = {
  format: String,
  parse: (text) => (text === 'off' ? 'off' : integer.parse(text)),
};

/** The words of the line, in their order. */
export const OPTION_KEYS = {
  memory: bytes,
  cpus: integer,
  engine: word('parallel', 'deterministic'),
  seed: optional(integer),
  irqchip: boolean,
  log_dirty: boolean,
  jit,
  jit_memory: bytes,
  exit_port: optional(hexadecimal),
  reboot: optional(boolean),
  slots,
  devices,
  transport: word('pci', 'mmio'),
  at: hexadecimal,
  mode: word('real', 'protected', 'long'),
};

type Words = { -readonly [K in keyof typeof OPTION_KEYS]: ReturnType<(typeof OPTION_KEYS)[K]['parse']> };

/** The line as the words of a ctl file. */
export function wordsOf({ irqchip, logDirty, jitMemory, exitPort, ...rest }: MachineLine): Words {
  return {
    ...{ ...rest, irqchip: irqchip ?? true, log_dirty: logDirty ?? false },
    ...{ jit_memory: jitMemory, exit_port: exitPort },
  };
}

/** `line` with the words that a write has named. */
export function withWords(line: MachineLine, words: Partial<Words>): MachineLine {
  const { log_dirty, jit_memory, exit_port, ...rest } = { ...wordsOf(line), ...words };
  return { ...rest, logDirty: log_dirty, jitMemory: jit_memory, exitPort: exit_port };
}

/** What a machine's options say, without its program. */
export function lineOf({ program, input: _, ...options }: MachineOptions): MachineLine {
  const entry = program.kind === 'flat' ? { at: program.at, mode: program.mode } : {};
  return { ...DEFAULT_LINE, ...options, ...entry };
}

/** The line in full, as the page writes it. */
export function optionsText(line: MachineLine): string {
  const words: Record<string, unknown> = wordsOf(line);
  const formats: Record<string, { format(value: never): string }> = OPTION_KEYS;
  return Object.entries(formats)
    .map(([key, { format }]) => `${key}=${format(words[key] as never)}`)
    .join(' ');
}
