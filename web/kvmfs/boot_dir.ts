// boot/: a program into a VM's memory. Files hold what is to be loaded; a write to ctl loads it and sets vCPU 0 to its entry.

import {
  commandFile,
  type DirNode,
  directory,
  type FileNode,
  hex,
  memoryTree,
  O_RDONLY,
  type Row,
  valueFile,
  word,
} from '../fs/index.ts';
import { cpuidOf, KvmError, slotAt } from '../kvm/index.ts';
import { bootProgram, LoadError, type Program } from '../vmm/index.ts';
import type { VmEntry } from './vm_entry.ts';

/** Bytes that the files of one VM may hold together. */
const LIMIT = 2 ** 30;
const NAMES = ['image', 'kernel', 'initrd'] as const;
const NEVER_ABORTED = new AbortController().signal;

/** Bytes of RAM from guest-physical 0 on, through slots that follow each other. */
export function ramBytes(entry: VmEntry): number {
  const { memory } = entry.vm;
  let end = 0n;
  for (let slot = slotAt(memory, 0n); slot !== undefined; slot = slotAt(memory, end))
    end = slot.gpa + BigInt(slot.size);
  return Number(end);
}

async function contents(file: FileNode): Promise<Uint8Array> {
  const { size } = await file.attributes();
  const open = await file.open(O_RDONLY);
  try {
    return await open.read(0, size, NEVER_ABORTED);
  } finally {
    open.close();
  }
}

/** Loads `program`; vCPU 0 stands at its entry, and every vCPU knows how many there are. EBUSY, ENXIO, and what loaders refuse. */
export function boot(entry: VmEntry, program: Program): void {
  entry.needStanding();
  const { vm } = entry;
  const memory = ramBytes(entry);
  if (memory === 0)
    throw new KvmError('ENXIO', 'there is no memory at address 0: set a slot with gpa=0 first');
  if (!entry.has(0)) throw new KvmError('ENXIO', 'vCPU 0 starts the program: mkdir cpu/0 first');
  const ids = vm.vcpuIds();
  const cpuid = entry.host.kvm.getSupportedCpuid();
  for (const id of ids) entry.machine.vcpu(id).setCpuid2(cpuidOf(cpuid, id, ids.length));
  try {
    bootProgram(vm, { memory, cpus: ids.length, program });
  } catch (error) {
    if (error instanceof LoadError) throw new KvmError('EINVAL', error.message);
    throw error;
  }
  entry.program = program;
}

/** The directory; its files live as long as it does. */
export async function bootDir(entry: VmEntry): Promise<DirNode> {
  const tree = memoryTree({ limit: LIMIT });
  const files = await Promise.all(
    NAMES.map(async (name) => [name, (await tree.create?.(name, 0o644)) as FileNode] as const),
  );
  const bytesOf = async (name: (typeof NAMES)[number]) => {
    const file = files.find(([own]) => own === name)?.[1] as FileNode;
    return contents(file);
  };
  let append = '';
  const rows: Row[] = [
    ...files,
    [
      'append',
      valueFile({
        get: () => append,
        set: (text: string) => {
          append = text;
        },
      }),
    ],
    [
      'ctl',
      commandFile({
        keys: { load: word('flat', 'kernel'), at: hex(), mode: word('real', 'protected', 'long') },
        async set({ load, at = 0x7c00n, mode = 'real' }) {
          if (load === undefined)
            throw new KvmError('EINVAL', 'write load=flat at=0x7c00 mode=real, or load=kernel');
          const initrd = await bytesOf('initrd');
          boot(
            entry,
            load === 'flat'
              ? { kind: 'flat', image: await bytesOf('image'), at: Number(at), mode }
              : {
                  kind: 'kernel',
                  kernel: await bytesOf('kernel'),
                  ...(initrd.length > 0 ? { initrd } : {}),
                  ...(append === '' ? {} : { append }),
                },
          );
        },
      }),
    ],
  ];
  return directory(rows);
}
