// Runs a VMM that was compiled to Wasm (C by clang, with test/cvmm/wasm/shim.c) in the memory of a VMM process. It
// blocks its thread until the program ends: not for a page's main thread. WASI's side is browser_wasi_shim's.
import { ConsoleStdout, Fd, WASI, wasi } from '@bjorn3/browser_wasi_shim';
import { VCPU_BASE } from '../../assembly/abi/map.ts';
import { Kvm } from '../kvm/index.ts';
import { VmmProcess } from '../kvm/process/index.ts';
import { importedMemory } from './wasm_imports.ts';

/** Where a program's data must begin at the lowest: below lies what KVM keeps of the first VM. `--global-base` of the linker. */
export const PROGRAM_BASE = 40 << 20;
/** vCPUs of each VM of a program; as many as fit below PROGRAM_BASE. */
const PROGRAM_VCPUS = 4;
const WASM_PAGE = 65536;
const DEFAULT_LIMIT = 2 ** 31;
const TOO_LOW = `The program lies where KVM keeps its VMs; link it with --global-base=${PROGRAM_BASE}.`;

/** A program and what it is given. */
export interface VmmProgram {
  /** The compiled core (build/core.wasm). */
  readonly core: WebAssembly.Module;
  /** The program's Wasm. */
  readonly program: Uint8Array<ArrayBuffer>;
  /** argv; the first is the program's name. */
  readonly args: readonly string[];
  /** Takes what the program writes to fd 1 and fd 2. */
  readonly output: (fd: 1 | 2, bytes: Uint8Array) => void;
  /** At most `length` bytes of fd 0; none at its end. Without it there is no input. */
  readonly input?: (length: number) => Uint8Array;
  /** Bytes its memory may grow to, guests and all; 2 GiB unless given. */
  readonly memoryLimit?: number;
}

/** A standard input that is read when the program asks. */
class Stdin extends Fd {
  readonly #read: (length: number) => Uint8Array;

  constructor(read: (length: number) => Uint8Array) {
    super();
    this.#read = read;
  }

  override fd_fdstat_get() {
    return { ret: 0, fdstat: new wasi.Fdstat(wasi.FILETYPE_CHARACTER_DEVICE, 0) };
  }

  override fd_read(length: number) {
    return { ret: 0, data: this.#read(length) };
  }
}

/**
 * The instance that `make` gives. Its data and its zeroed variables are laid when it is made, without a word of where: all
 * below PROGRAM_BASE is filled with a mark meanwhile, and a program that has written there is refused.
 */
function instantiateAbove(
  memory: WebAssembly.Memory,
  make: () => WebAssembly.Instance,
): WebAssembly.Instance {
  const mark = 0xa5a5a5a5;
  const below = new Uint32Array(memory.buffer, 0, PROGRAM_BASE / 4);
  // No vCPU has been made, so that nothing lies behind VCPU_BASE.
  const kept = below.slice(0, VCPU_BASE / 4);
  below.fill(mark);
  const instance = make();
  const isAbove = below.every((word) => word === mark);
  below.fill(0).set(kept);
  if (!isAbove) throw new Error(TOO_LOW);
  return instance;
}

/** The imports of the module "vitrine": Linux's calls, with pointers as unsigned numbers. */
function systemCalls(process: VmmProcess) {
  return {
    open: (path: number) => process.open(path >>> 0),
    close: (fd: number) => process.close(fd),
    dup: (fd: number) => process.dup(fd),
    ioctl: (fd: number, request: number, argument: number) => process.ioctl(fd, request, argument >>> 0),
    mmap: (length: number, flags: number, fd: number, offset: number) =>
      process.mmap(length >>> 0, flags, fd, offset >>> 0),
    munmap: (address: number, length: number) => process.munmap(address >>> 0, length >>> 0),
    eventfd: (initial: number, flags: number) => process.eventfd(initial, flags),
    read: (fd: number, data: number, length: number) => process.read(fd, data >>> 0, length >>> 0),
    pread: (fd: number, data: number, length: number, position: number) =>
      process.pread(fd, data >>> 0, length >>> 0, position >>> 0),
    write: (fd: number, data: number, length: number) => process.write(fd, data >>> 0, length >>> 0),
    poll: (fds: number, count: number, milliseconds: number) =>
      process.poll(fds >>> 0, count >>> 0, milliseconds),
  };
}

/**
 * Runs the program to its end; its exit status. Throws one sentence for what is no such program, and the host's error
 * when the program traps.
 */
export function runVmmProgram(given: VmmProgram): number {
  const { core, program, args, output, input = () => new Uint8Array(0), memoryLimit = DEFAULT_LIMIT } = given;
  const memory = importedMemory(program);
  if (!memory) {
    throw new Error('The program brings its own memory; link it with --import-memory and --shared-memory.');
  }
  const programEnd = memory.minimum * WASM_PAGE;
  if (programEnd <= PROGRAM_BASE) throw new Error(TOO_LOW);
  const maximum = memory.maximum === undefined ? memoryLimit : memory.maximum * WASM_PAGE;
  const process = new VmmProcess(Kvm.open({ core }), {
    maxVcpus: PROGRAM_VCPUS,
    memoryLimit: Math.min(memoryLimit, maximum),
    programEnd,
  });
  const streams = [
    new Stdin(input),
    new ConsoleStdout((bytes) => output(1, bytes)),
    new ConsoleStdout((bytes) => output(2, bytes)),
  ];
  const host = new WASI([...args], [], streams, { debug: false });
  const module = new WebAssembly.Module(program);
  const imports = {
    env: { memory: process.memory },
    vitrine: systemCalls(process),
    wasi_snapshot_preview1: host.wasiImport,
  };
  const instance = instantiateAbove(process.memory, () => new WebAssembly.Instance(module, imports));
  const { _start } = instance.exports as { _start?: () => unknown };
  if (!_start) throw new Error('The program has no _start; link it as a command, with a main.');
  try {
    return host.start({ exports: { memory: process.memory, _start } });
  } finally {
    process.exit();
  }
}
