// dev/: the devices of a VM: none, or those of a PC, and what becomes of an access that none of them claims.

import { type DirNode, directory, hex, valueFile, word } from '../fs/index.ts';
import { KvmError } from '../kvm/index.ts';
import { Machine, MachineWords } from '../vmm/index.ts';
import { ramBytes } from './boot_dir.ts';
import { serialInFile, serialOutFile } from './console_file.ts';
import { pciText } from './pci_text.ts';
import type { VmEntry } from './vm_entry.ts';

function setBoard(entry: VmEntry, board: 'none' | 'pc', exitPort: number | undefined): Promise<void> {
  return entry.rebuild((vm) => {
    if (board === 'pc') return Machine.withBoard(vm, { ramBytes: ramBytes(entry) }, exitPort);
    const words = new MachineWords(vm.memory);
    words.board = 'none';
    words.floats = false;
    words.allStop = false;
    return Machine.of(vm);
  });
}

export function devDir(entry: VmEntry): DirNode {
  const words = () => entry.machine.words;
  return directory([
    [
      'board',
      valueFile({
        ...word('none', 'pc'),
        get: () => words().board,
        set: (board) => setBoard(entry, board, words().exitPort),
      }),
    ],
    [
      'unclaimed',
      valueFile({
        ...word('park', 'float'),
        get: () => (words().floats ? 'float' : 'park'),
        set: (policy) => {
          words().floats = policy === 'float';
        },
      }),
    ],
    [
      'stop',
      valueFile({
        ...word('vcpu', 'vm'),
        get: () => (words().allStop ? 'vm' : 'vcpu'),
        set: (policy) => {
          words().allStop = policy === 'vm';
        },
      }),
    ],
    [
      'exit_port',
      valueFile({
        ...hex(16),
        get: () => BigInt(words().exitPort ?? 0),
        set: (port) => {
          if (words().board === 'none')
            throw new KvmError(
              'ENXIO',
              'the debug exit port is a device of the board: write pc to board first',
            );
          return setBoard(entry, 'pc', port === 0n ? undefined : Number(port));
        },
      }),
    ],
    ['pci', valueFile({ get: () => pciText(entry.machine.board?.pci.functions ?? []) })],
    [
      'serial0',
      directory([
        ['in', serialInFile(entry)],
        ['out', serialOutFile(entry)],
      ]),
    ],
  ]);
}
