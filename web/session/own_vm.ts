// The files of a session's own machine that stand in /kvm/vm0 before there is one: what it is made of, what boots, and the
// switches of the whole machine. All others are those of web/kvmfs. It makes no machine; machine_server.ts does.
import {
  boolean,
  commandFile,
  type DirNode,
  directory,
  memoryTree,
  one,
  size,
  valueFile,
} from '../fs/index.ts';
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
  /** Bytes that the guest's balloon is asked for. ENODEV without one. */
  readonly balloon: number;
  setBalloon(bytes: number): Promise<void>;
}

/** Bytes that /kvm/vm0/boot may hold: a kernel with its initrd. */
const BOOT_LIMIT = 2 ** 30;

/**
 * The machine's own directory. `boot` has plain files: `image` (flat), or `kernel` with `initrd` and `append`; what is in
 * `input` lies in the serial port before the first instruction.
 */
export function ownVmTree(vm: OwnVm): DirNode {
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
        ...one,
        set: () => vm.reset(),
      }),
    ],
    [
      'balloon',
      valueFile({
        ...size,
        get: () => BigInt(vm.balloon),
        set: (bytes) => vm.setBalloon(Number(bytes)),
      }),
    ],
    ['paused', valueFile({ ...boolean, get: () => vm.paused, set: (on) => vm.setPaused(on) })],
  ]);
}
