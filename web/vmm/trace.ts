// The exit trace: a ring of entries in the machine's memory that the page reads. Layout in assembly/abi/map.ts.
//
//   0 ns u64 | 8 vcpu u32 | 12 exit_reason u32 | 16 first 40 bytes of the exit union | 56 claimed u32 | 60 repeats u32
//
// Behind the 16 bytes of the IO arm stand up to 8 bytes of its data, which kvm_run keeps in the next page.

import {
  KVM_EXIT_IO,
  RUN_IO_COUNT,
  RUN_IO_DATA_OFFSET,
  RUN_IO_SIZE,
  RUN_UNION,
} from '../../assembly/abi/kvm_run.ts';
import {
  TRACE_ENTRIES,
  TRACE_ENTRY_SIZE,
  TRACE_HEADER,
  TRACE_RING,
  VCPU_PIO,
} from '../../assembly/abi/map.ts';
import { type MachineMemory, machineNanoseconds, vcpuArea } from '../kvm/index.ts';

const UNION_BYTES = 40;
const UNION_WORDS = UNION_BYTES / 4;
/** Words of the IO arm of the exit union. */
const IO_ARM_WORDS = 4;
/** Bytes of an exit's port data that an entry keeps. */
const IO_DATA_BYTES = 8;
// Words of an entry.
const VCPU = 2;
const REASON = 3;
const UNION = 4;
const CLAIMED = 14;
const REPEATS = 15;

/** The word at which entry number `n` stands. */
function entryAt(memory: MachineMemory, n: number): number {
  return (memory.base + TRACE_RING + TRACE_HEADER + (n % TRACE_ENTRIES) * TRACE_ENTRY_SIZE) >>> 2;
}

/** Whether an entry is this exit of this vCPU. */
function isSame(words: Int32Array, entry: number, id: number, reason: number, claimed: number): boolean {
  if (words[entry + VCPU] !== id || words[entry + REASON] !== reason || words[entry + CLAIMED] !== claimed)
    return false;
  for (let n = 0; n < UNION_WORDS; n++) if (words[entry + UNION + n] !== union[n]) return false;
  return true;
}

/** The union of the exit in hand, as an entry keeps it. */
const union = new Int32Array(UNION_WORDS);
const unionBytes = new Uint8Array(union.buffer);

/** Writes the exit in `union`; the same exit again only counts. The ring's head behind it. */
function append(
  memory: MachineMemory,
  words: Int32Array,
  id: number,
  reason: number,
  claimed: number,
): number {
  const head = memory.load(memory.base + TRACE_RING);
  if (head > 0) {
    const last = entryAt(memory, head - 1);
    if (isSame(words, last, id, reason, claimed)) {
      words[last + REPEATS] = (words[last + REPEATS] as number) + 1;
      return head;
    }
  }
  const number = memory.add(memory.base + TRACE_RING, 1);
  const entry = entryAt(memory, number);
  memory.setU64(entry * 4, machineNanoseconds(memory));
  words[entry + VCPU] = id;
  words[entry + REASON] = reason;
  words.set(union, entry + UNION);
  words[entry + CLAIMED] = claimed;
  words[entry + REPEATS] = 1;
  return (number + 1) >>> 0;
}

/** Writes one exit of vCPU `id`, from its run page; the same exit again only counts. */
export function traceExit(memory: MachineMemory, id: number, reason: number, claimed: boolean): void {
  const words = memory.words;
  const run = vcpuArea(memory, id);
  const from = (run + RUN_UNION) >>> 2;
  if (reason === KVM_EXIT_IO) {
    for (let n = 0; n < IO_ARM_WORDS; n++) union[n] = words[from + n] as number;
    union.fill(0, IO_ARM_WORDS);
    const bytes = Math.min(IO_DATA_BYTES, memory.u8(run + RUN_IO_SIZE) * memory.u32(run + RUN_IO_COUNT));
    const data = run + memory.u32(run + RUN_IO_DATA_OFFSET);
    for (let n = 0; n < bytes; n++) unionBytes[IO_ARM_WORDS * 4 + n] = memory.u8(data + n);
  } else {
    for (let n = 0; n < UNION_WORDS; n++) union[n] = words[from + n] as number;
  }
  append(memory, words, id, reason, claimed ? 1 : 0);
}

/** Writes accesses to ports that were answered without leaving the core, from what is known of them. */
export class PortTrace {
  readonly #memory: MachineMemory;
  readonly #id: number;
  readonly #words: Int32Array;
  readonly #head: number;
  // The last access written, with the head of the ring behind it.
  #seen = 0;
  #access = 0;
  #data = 0;
  #entry = 0;

  constructor(memory: MachineMemory, id: number) {
    this.#memory = memory;
    this.#id = id;
    this.#words = memory.words;
    this.#head = (memory.base + TRACE_RING) >>> 2;
  }

  /** One access of `bytes` bytes; `data` is what was written or read. */
  note(direction: number, port: number, bytes: number, data: number): void {
    const words = this.#words;
    const access = direction | (bytes << 8) | (port << 16);
    // A plain look at the head: V8 calls a builtin for Atomics.load, which costs more than the rest of this.
    if (access === this.#access && (data | 0) === this.#data && words[this.#head] === this.#seen) {
      words[this.#entry + REPEATS] = (words[this.#entry + REPEATS] as number) + 1;
      return;
    }
    union.fill(0);
    union[0] = access;
    union[1] = 1;
    union[2] = VCPU_PIO;
    union[IO_ARM_WORDS] = data;
    const head = append(this.#memory, words, this.#id, KVM_EXIT_IO, 1);
    this.#seen = head | 0;
    this.#entry = entryAt(this.#memory, head - 1);
    this.#access = access;
    this.#data = data | 0;
  }
}
