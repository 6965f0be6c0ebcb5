// The files of a session's own machine in /kvm/vm0: what it is made of, what boots, and the switches that act on the whole
// machine. It makes no machine; machine_server.ts does.
import {
  boolean,
  bytesFile,
  commandFile,
  type DirNode,
  decimal,
  directory,
  memoryTree,
  type Row,
  valueFile,
} from '../fs/index.ts';
import { KvmError } from '../kvm/abi/errno.ts';
import { type MachineLine, OPTION_KEYS, withWords, wordsOf } from './options_text.ts';

/** What the files act on. */
export interface OwnVm {
  /** What the next reset makes. */
  line: MachineLine;
  /** No vCPU may run. */
  readonly paused: boolean;
  /** Resolves when the change is true. */
  setPaused(on: boolean): Promise<void> | void;
  /** Makes the machine anew from `line` and `boot`. */
  reset(): Promise<void>;
  step(vcpu: number, count: number): Promise<void>;
  input(bytes: Uint8Array): void;
  /** KVM_GET_DIRTY_LOG. */
  harvest(slot: number): Uint8Array;
  readonly vcpus: readonly number[];
  readonly slots: readonly number[];
}

/** Bytes that /kvm/vm0/boot may hold: a kernel with its initrd. */
const BOOT_LIMIT = 2 ** 30;
/** The most instructions of one write to `step`. */
const STEPS_MAX = 100_000;

const numbered = (ids: readonly number[], rows: (id: number) => Row[]): Row[] =>
  ids.map((id) => [String(id), directory(rows(id))]);

/**
 * The machine's own directory. `boot` has plain files: `image` (flat), or `kernel` with `initrd` and `append`; what is in
 * `input` lies in the serial port before the first instruction.
 */
export function ownVmTree(vm: OwnVm): DirNode {
  const step = (id: number) => valueFile({ ...decimal(1, STEPS_MAX), set: (count) => vm.step(id, count) });
  return directory([
    ['boot', memoryTree({ limit: BOOT_LIMIT })],
    [
      'options',
      commandFile({
        mode: 0o644,
        keys: OPTION_KEYS,
        get: () => wordsOf(vm.line),
        set: (words) => {
          vm.line = withWords(vm.line, words);
        },
      }),
    ],
    [
      'reset',
      valueFile({
        ...boolean,
        set: async (on) => {
          if (!on) throw new KvmError('EINVAL', 'write 1 to make the machine anew from options and boot');
          await vm.reset();
        },
      }),
    ],
    ['paused', valueFile({ ...boolean, get: () => vm.paused, set: (on) => vm.setPaused(on) })],
    ['console', bytesFile({ set: (bytes) => vm.input(bytes) })],
    ['cpu', directory(() => numbered(vm.vcpus, (id) => [['step', step(id)]]))],
    [
      'memory',
      directory(() =>
        numbered(vm.slots, (id) => [['dirty_bitmap', bytesFile({ get: () => vm.harvest(id) })]]),
      ),
    ],
  ]);
}
