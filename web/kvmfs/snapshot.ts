// snapshot: a VM as one file: a read is the whole image, a write of a whole image brings it back.
//
//   0  magic "VITRINE\0" | 8 format u32 | 12 header bytes u32 | 16 memory layout u32 | 20 vCPU areas u32
//   24 bytes of the memory u64 | 32 bytes of the image u64 | 40 pages u32 | 44 zero to 64
//   64 the number of each page (u32), up to a multiple of 8, then the pages, 4096 bytes each
//
// Pages that hold only zeros are left out, and so is what is derived from the rest: TLBs, decoded and
// compiled code, code marks.

import { PAGE_SIZE, VM_LAYOUT_VERSION, VM_MAX_VCPUS } from '../../assembly/abi/map.ts';
import {
  V_BLOCKS_TOP,
  V_CODE_HEAD,
  V_CODE_LOST,
  V_CODE_TAIL,
  V_CURRENT_RECORD,
  V_JIT_LAST,
  V_JIT_LIVE,
  V_JIT_OWNER,
  V_JIT_REGIONS,
  V_REQUESTS,
  V_STATE,
} from '../../assembly/abi/vcpu_page.ts';
import { type FileNode, type OpenNode, S_IFREG } from '../fs/index.ts';
import { derivedRanges, KvmError, type MachineMemory, releaseEvents, vcpuPage } from '../kvm/index.ts';
import { Machine } from '../vmm/index.ts';
import type { VmEntry } from './vm_entry.ts';

const MAGIC = 'VITRINE\0';
const FORMAT = 1;
const HEADER = 64;
const WORDS = PAGE_SIZE / 8;
/** Words of a vCPU page that speak of what is left out. */
const DERIVED = [
  ...[V_BLOCKS_TOP, V_CURRENT_RECORD, V_CODE_TAIL, V_CODE_HEAD, V_CODE_LOST, V_REQUESTS, V_STATE],
  ...[V_JIT_OWNER, V_JIT_REGIONS, V_JIT_LAST, V_JIT_LIVE],
];

function imageOf(memory: MachineMemory): Uint8Array {
  const bytes = memory.size;
  const vcpus = memory.u32(memory.vm + VM_MAX_VCPUS);
  const words = new BigUint64Array(memory.wasm.buffer, 0, bytes / 8);
  const pages: number[] = [];
  const derived = derivedRanges(memory);
  for (let page = 0; page < bytes / PAGE_SIZE; page++) {
    const offset = page * PAGE_SIZE;
    if (derived.some(([from, to]) => offset >= from && offset < to)) continue;
    for (let n = page * WORDS; n < (page + 1) * WORDS; n++) {
      if (words[n] === 0n) continue;
      pages.push(page);
      break;
    }
  }
  const data = HEADER + Math.ceil(pages.length / 2) * 8;
  const image = new Uint8Array(data + pages.length * PAGE_SIZE);
  const view = new DataView(image.buffer);
  image.set(new TextEncoder().encode(MAGIC));
  view.setUint32(8, FORMAT, true);
  view.setUint32(12, HEADER, true);
  view.setUint32(16, VM_LAYOUT_VERSION, true);
  view.setUint32(20, vcpus, true);
  view.setBigUint64(24, BigInt(bytes), true);
  view.setBigUint64(32, BigInt(image.length), true);
  view.setUint32(40, pages.length, true);
  pages.forEach((page, n) => {
    view.setUint32(HEADER + n * 4, page, true);
    image.set(memory.bytes(page * PAGE_SIZE, PAGE_SIZE), data + n * PAGE_SIZE);
  });
  return image;
}

/** EINVAL as soon as the bytes that have come cannot be the beginning of a snapshot. */
function checkMagic(begun: Uint8Array): void {
  const text = new TextDecoder().decode(begun.slice(0, MAGIC.length));
  if (!MAGIC.startsWith(text))
    throw new KvmError('EINVAL', 'these bytes are no snapshot: it begins with VITRINE');
}

interface Header {
  readonly memoryBytes: number;
  readonly imageBytes: number;
  readonly pages: number;
}

function headerOf(image: Uint8Array): Header {
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  if (view.getUint32(8, true) !== FORMAT || view.getUint32(16, true) !== VM_LAYOUT_VERSION)
    throw new KvmError('EINVAL', 'this snapshot was made by another version; use that version to read it');
  const header = {
    memoryBytes: Number(view.getBigUint64(24, true)),
    imageBytes: Number(view.getBigUint64(32, true)),
    pages: view.getUint32(40, true),
  };
  const data = HEADER + Math.ceil(header.pages / 2) * 8;
  if (header.imageBytes !== data + header.pages * PAGE_SIZE || header.pages > header.memoryBytes / PAGE_SIZE)
    throw new KvmError('EINVAL', 'the header of this snapshot does not fit together: the file is damaged');
  return header;
}

/** Only a VM that has its memory for itself can be copied as a whole. */
function needOwnMemory(entry: VmEntry): void {
  if (entry.vm.memory.base !== 0)
    throw new KvmError(
      'EOPNOTSUPP',
      'this VM shares its memory with others, so it has no snapshot of its own',
    );
}

function load(memory: MachineMemory, image: Uint8Array): void {
  const { memoryBytes, pages } = headerOf(image);
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  const data = HEADER + Math.ceil(pages / 2) * 8;
  const offsets = Array.from({ length: pages }, (_, n) => view.getUint32(HEADER + n * 4, true) * PAGE_SIZE);
  // The memory as it is now goes only for an image that fits.
  if (offsets.some((offset) => offset >= memoryBytes))
    throw new KvmError('EINVAL', 'this snapshot has pages beyond its own memory: the file is damaged');
  if (memory.size < memoryBytes) memory.grow(memoryBytes - memory.size);
  memory.bytes(0, memory.size).fill(0);
  for (const [n, offset] of offsets.entries()) {
    memory.bytes(offset, PAGE_SIZE).set(image.subarray(data + n * PAGE_SIZE, data + (n + 1) * PAGE_SIZE));
  }
}

/** Brings the VM to the state in `image`; its vCPUs are paused. EBUSY while one runs or somebody holds the VM. */
async function restore(entry: VmEntry, image: Uint8Array): Promise<void> {
  needOwnMemory(entry);
  entry.needUnheld();
  await entry.rebuild((vm) => {
    const { memory } = vm;
    load(memory, image);
    for (const id of vm.vcpuIds()) {
      const v = vcpuPage(memory, id);
      // Decoded and compiled code, TLBs and threads did not travel.
      for (const word of DERIVED) memory.store(v + word, 0);
    }
    // Neither did who held eventfds.
    releaseEvents(vm);
    const machine = Machine.of(vm);
    for (const id of vm.vcpuIds()) {
      machine.vcpuWords(id).moved();
      machine.vcpu(id).requestPause();
    }
    machine.settle();
    return machine;
  });
  entry.adopted();
}

function open(entry: VmEntry): OpenNode {
  let snapshot: Promise<Uint8Array> | undefined;
  let image = new Uint8Array(0);
  let filled = 0;
  return {
    async read(offset, length) {
      needOwnMemory(entry);
      snapshot ??= entry.runner.hold(entry.vm.vcpuIds(), () => imageOf(entry.vm.memory));
      return (await snapshot).slice(offset, offset + length);
    },
    async write(offset, bytes) {
      if (offset !== filled)
        throw new KvmError('ESPIPE', 'write a snapshot from its beginning to its end, in order');
      if (filled + bytes.length > image.length) {
        const room = new Uint8Array(Math.max(filled + bytes.length, image.length * 2));
        room.set(image);
        image = room;
      }
      image.set(bytes, filled);
      const before = filled;
      filled += bytes.length;
      checkMagic(image.subarray(0, filled));
      if (filled < HEADER) return bytes.length;
      const { imageBytes } = headerOf(image.subarray(0, filled));
      if (filled > imageBytes)
        throw new KvmError('EINVAL', 'there are bytes behind the end of this snapshot');
      if (filled === imageBytes && before < imageBytes) await restore(entry, image.subarray(0, filled));
      return bytes.length;
    },
    close: () => {},
  };
}

/** The file. */
export function snapshotFile(entry: VmEntry): FileNode {
  return {
    kind: 'file',
    attributes: () => ({ mode: S_IFREG | 0o644, size: 0, ino: 0n, mtime: 0 }),
    open: () => open(entry),
  };
}
