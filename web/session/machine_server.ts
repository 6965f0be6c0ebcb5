// The machine worker: serves the tree, makes the session's machine as its files say, starts a thread per vCPU or runs the
// deterministic engine itself.

import { RUN_EXIT_REASON } from '../../assembly/abi/kvm_run.ts';
import { CONSOLE_IN_RING, CONSOLE_OUT_RING } from '../../assembly/abi/map.ts';
import { V_WAKE } from '../../assembly/abi/vcpu_page.ts';
import { Ring } from '../devices/index.ts';
import type { DiskWords } from '../disk/index.ts';
import { FsServer, LocalFs, type MountTable, messagePort, type Port } from '../fs/index.ts';
import { isKvmError, Kvm, KvmError, vcpuArea, vcpuPage } from '../kvm/index.ts';
import { goOnAll, KvmTree, modulesTree, VasTree, type VmEntry } from '../kvmfs/index.ts';
import { ModuleHost, type ModuleThreads } from '../modules/index.ts';
import { LoadError, Machine, SpecError, VcpuPool } from '../vmm/index.ts';
import { BOOT, VM } from './actions.ts';
import { MachineDevices } from './devices.ts';
import { DISKS, type DiskUse, type KeptDisks, type OpenDisks } from './folders/disks.ts';
import { mountFolders, type OpenFolder } from './folders/request.ts';
import { Given, type GivenOptions } from './given.ts';
import { machineHash } from './hash.ts';
import { netTree } from './net_tree.ts';
import { Networks } from './networks.ts';
import { DEFAULT_LINE, type MachineLine } from './options_text.ts';
import type { OwnVm } from './own_vm.ts';
import {
  type CallMessage,
  type Calls,
  type ParkedExit,
  type ServerMessage,
  type StartOptions,
  splitPort,
  type Threads,
} from './port.ts';
import { mountControl, mountHost, sessionTree } from './tree.ts';
import type { MachineOptions, Program } from './types.ts';

/** The name of the session's own machine in /kvm. */
const OWN = 'vm0';
/** How long one wait for a change lasts, in ms. */
const WATCH_MS = 250;
/** Input that waits for room in its ring tries again after so long, in ms. */
const FEED_MS = 4;

const debuggerOf = (id: number) => `${VM}/cpu/${id}/debugger`;

/** A machine that cannot be made, as an error of the file that asked for it. */
function refusal(error: unknown): unknown {
  if (isKvmError(error)) return error;
  if (error instanceof LoadError) return new KvmError(error.code, error.message);
  return error instanceof SpecError ? new KvmError('EINVAL', error.message) : error;
}

export class MachineServer implements OwnVm {
  readonly #port: Port;
  readonly #calls: Port;
  readonly #pool: VcpuPool;
  readonly #mounts: MountTable = sessionTree();
  readonly #fs: LocalFs;
  readonly #files: FsServer;
  readonly #openFolder: OpenFolder;
  readonly #moduleThreads: ModuleThreads;
  readonly #networks: Networks;
  readonly #disks = new Given<DiskWords>('disk');
  readonly #kept: KeptDisks | undefined;
  /** What keeps devices from their work, by device. */
  readonly #troubles = new Map<string, string>();
  #modules: ModuleHost | undefined;
  #core: WebAssembly.Module | undefined;
  #kvm: KvmTree | undefined;
  #shares = false;
  #entry: VmEntry | undefined;
  #devices: MachineDevices | undefined;
  /** Serial input that found no room in the ring yet. */
  #waiting: Uint8Array[] = [];
  #feeding: ReturnType<typeof setTimeout> | undefined;
  #events = -1;
  /** The machine that is being made anew because its guest has reset it. */
  #rebooting: VmEntry | undefined;
  line: MachineLine = DEFAULT_LINE;

  constructor(
    port: Port,
    threads: Threads,
    modules: ModuleThreads,
    openFolder: OpenFolder,
    openDisks?: OpenDisks,
  ) {
    this.#openFolder = openFolder;
    this.#kept = openDisks?.((name) => this.#useOf(name));
    this.#port = port;
    this.#moduleThreads = modules;
    this.#networks = new Networks(() => threads.spawn('network'));
    this.#pool = new VcpuPool(() => threads.spawn('vcpu'));
    const { calls, files } = splitPort(port);
    this.#calls = calls;
    calls.listen((message) => void this.#answer(message as CallMessage));
    const { root } = this.#mounts;
    this.#fs = new LocalFs(root);
    this.#files = new FsServer(root, {
      ...files,
      // What an operation has changed is told before its answer.
      post: (message, transfer) => {
        this.#report();
        files.post(message, transfer);
      },
    });
  }

  #send(message: ServerMessage, transfer: ArrayBuffer[] = []): void {
    this.#calls.post(message, transfer);
  }

  async #answer({ id, call, argument }: CallMessage): Promise<void> {
    try {
      const result = await this.#call(call, argument);
      this.#send({ id, result });
    } catch (error) {
      this.#send({ id, error: error instanceof Error ? error.message : String(error) });
    }
    this.#report();
  }

  #call(call: CallMessage['call'], argument: unknown): unknown {
    switch (call) {
      case 'start':
        return this.#start(argument as StartOptions);
      case 'translate': {
        const { vcpu, gva } = argument as Calls['translate'][0];
        const found = this.#made.vm.vcpu(vcpu).translate(gva);
        return found.valid ? found.physical_address : undefined;
      }
      case 'hash':
        return machineHash(this.#made.vm);
      case 'give':
        return this.#give(argument as GivenOptions);
      case 'reboot':
        return this.#reboot();
      case 'refresh':
        return (argument as Calls['refresh'][0]).map(({ offset, length }) => ({
          offset,
          bytes: this.#made.vm.memory.bytes(offset, length).slice(),
        }));
      case 'close':
        return this.#close();
    }
  }

  async #give({ disks = {}, networks = {}, folders = [] }: GivenOptions): Promise<undefined> {
    this.#disks.add(disks);
    this.#networks.declare(networks);
    await mountFolders(this.#mounts, folders, this.#openFolder);
    return undefined;
  }

  async #start({ core, share, own, host, ...given }: StartOptions): Promise<undefined> {
    this.#core = core;
    this.#shares = share;
    const kvm = Kvm.open({ core });
    const tree = new KvmTree({ kvm, pool: this.#pool, threads: share });
    const vas = new VasTree(kvm, tree);
    this.#kvm = tree;
    // A module is a thread that shares the guest's memory.
    this.#modules = share ? new ModuleHost(this.#moduleThreads) : undefined;
    const modules = modulesTree(this.#modules, {
      vm: (name) => tree.find(name)?.vm,
      vas: (name) => vas.find(name),
      read: (path) => this.#fs.readFile(path),
    });
    const net = netTree(() => this.#networks.reports());
    mountControl(this.#mounts, { kvm: tree.root, vas: vas.root, modules, net }, own ? this : undefined);
    if (host !== undefined) await mountHost(this.#mounts, host);
    if (this.#kept !== undefined) this.#mounts.mount(DISKS, this.#kept.tree);
    return this.#give(given);
  }

  get #standing(): VmEntry {
    if (this.#entry === undefined)
      throw new KvmError('ENODEV', 'No machine has been made yet: write 1 to /kvm/vm0/reset.');
    return this.#entry;
  }

  get #made(): Machine {
    return this.#standing.machine;
  }

  /** A disk by its name: one that the client gave, else one that the host keeps. ENOENT. */
  async #disk(name: string): Promise<DiskWords> {
    return this.#disks.find(name) ?? (await this.#kept?.words(name)) ?? this.#disks.get(name);
  }

  /** How the machine at hand uses the disk of this name. */
  #useOf(name: string): ReturnType<DiskUse> {
    if (!this.#devices?.disks.includes(name)) return 'none';
    return this.paused ? 'standing' : 'running';
  }

  #trouble(device: string, sentence: string | undefined): void {
    const before = [...this.#troubles.values()][0];
    if (sentence === undefined) this.#troubles.delete(device);
    else this.#troubles.set(device, sentence);
    const first = [...this.#troubles.values()][0];
    if (first !== before) this.#send({ event: 'trouble', ...(first !== undefined && { sentence: first }) });
  }

  get paused(): boolean {
    return this.#entry?.machine.words.isRunning !== true;
  }

  setPaused(on: boolean): Promise<void> | void {
    return on ? this.#entry?.runner.pauseAll() : goOnAll(this.#standing);
  }

  get balloon(): number {
    return this.#deviceSet.balloon.target;
  }

  setBalloon(bytes: number): Promise<void> {
    return this.#deviceSet.setBalloon(bytes);
  }

  get #deviceSet(): MachineDevices {
    if (this.#devices === undefined) throw new KvmError('ENODEV', 'no machine has been made yet');
    return this.#devices;
  }

  #input(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#feed();
  }

  reset(): Promise<void> {
    return this.#remake(false);
  }

  /** Does what the reset line of a PC does, once for each reset that the guest has asked for. */
  async #reboot(): Promise<undefined> {
    const entry = this.#entry;
    if (entry === undefined || entry === this.#rebooting || !entry.machine.words.isRebooting)
      return undefined;
    this.#rebooting = entry;
    try {
      await this.#remake(true);
      goOnAll(this.#standing);
    } catch (error) {
      // Then it has ended, which its status says.
      entry.machine.words.reboots = false;
      throw error;
    }
    return undefined;
  }

  /** `again`: the guest has asked for it, so what was typed and is not read yet is for the machine that follows. */
  async #remake(again: boolean): Promise<void> {
    const { input, ...options } = await this.#options();
    this.#entry?.needUnheld(this.#devices?.names);
    const points = await this.#points();
    const old = this.#entry;
    this.#entry = undefined;
    await old?.runner.close();
    await this.#endDevices();
    this.#waiting = again ? [...this.#leftover(old), ...this.#waiting] : input === undefined ? [] : [input];
    this.#kvm?.forget(OWN);
    try {
      await this.#create(options, again);
    } catch (error) {
      throw refusal(error);
    }
    for (const { id, words } of points) await this.#fs.writeFile(debuggerOf(id), words).catch(() => {});
  }

  /** Serial input that a machine has not read. What it has printed last is told before it goes. */
  #leftover(entry: VmEntry | undefined): Uint8Array[] {
    if (entry === undefined) return [];
    const { memory } = entry.vm;
    const ring = (at: number) => Ring.at(memory.wasm.buffer, memory.base + at);
    this.#send({ event: 'console', bytes: ring(CONSOLE_OUT_RING).read() });
    return [ring(CONSOLE_IN_RING).read()];
  }

  /** What the debugger of each vCPU has set: a reset keeps it, as it does on a board with a debugger attached. */
  async #points(): Promise<{ id: number; words: string }[]> {
    const ids = this.#entry?.vm.vcpuIds() ?? [];
    return Promise.all(ids.map(async (id) => ({ id, words: await this.#fs.readText(debuggerOf(id)) })));
  }

  /** What `options` and `boot` say. */
  async #options(): Promise<MachineOptions> {
    const { at, mode, ...line } = this.line;
    const read = async (name: string) =>
      (await this.#fs.exists(`${BOOT}/${name}`)) ? await this.#fs.readFile(`${BOOT}/${name}`) : undefined;
    const [kernel, initrd, cmdline, input] = await Promise.all(
      ['kernel', 'initrd', 'append', 'input'].map(read),
    );
    const append = cmdline && new TextDecoder().decode(cmdline).trim();
    const program: Program = kernel
      ? { kind: 'kernel', kernel, ...(initrd && { initrd }), ...(append !== undefined && { append }) }
      : { kind: 'flat', image: (await read('image')) ?? new Uint8Array(), at, mode };
    const { seed, exitPort, reboot, ...rest } = line;
    return {
      ...rest,
      ...(seed !== undefined && { seed }),
      ...(exitPort !== undefined && { exitPort }),
      ...(reboot !== undefined && { reboot }),
      ...(input && { input }),
      program,
    };
  }

  /** One more channel to the tree, for a thread of this session. */
  #connectFiles(): { port: MessagePort; end: () => void } {
    const { port1, port2 } = new MessageChannel();
    return { port: port2, end: this.#files.accept(messagePort(port1)) };
  }

  async #endDevices(): Promise<void> {
    const devices = this.#devices;
    this.#devices = undefined;
    await devices?.close();
    this.#troubles.clear();
  }

  async #close(): Promise<undefined> {
    await this.#entry?.runner.close();
    await this.#endDevices();
    await this.#modules?.close();
    await this.#kvm?.close();
    this.#networks.close();
    this.#pool.close();
    this.#port.close();
    return undefined;
  }

  async #create(options: MachineOptions, again: boolean): Promise<void> {
    if (this.#core === undefined || this.#kvm === undefined)
      throw new KvmError('ENODEV', 'the core has not come yet: try again');
    if (options.engine === 'parallel' && !this.#shares) {
      throw new KvmError(
        'EOPNOTSUPP',
        'this page is not cross-origin isolated, so vCPUs have no threads: write engine=deterministic to options',
      );
    }
    const machine = Machine.create(this.#core, options);
    const dead = (why: string): void => {
      if (this.#entry?.machine !== machine) return;
      this.#send({ event: 'dead', why });
      this.#report();
    };
    this.#devices = await MachineDevices.start({
      machine,
      requests: options.devices ?? [],
      modules: this.#modules,
      files: { fs: this.#fs, connect: () => this.#connectFiles() },
      networks: this.#networks.for(options),
      disks: (name) => this.#disk(name),
      onTrouble: (device, sentence) => this.#trouble(device, sentence),
      onWake: () => this.#entry?.runner.nudge(),
      onDeath: dead,
    });
    const entry = await this.#kvm.adopt(OWN, {
      machine,
      program: options.program,
      input: (bytes) => this.#input(bytes),
      events: {
        isPaced: options.devices?.some(({ kind }) => kind === 'net') ?? false,
        beforeRound: () => {
          this.#feed();
          return this.#devices?.pump();
        },
        afterTurn: () => this.#report(),
        onDeath: dead,
      },
    });
    this.#entry = entry;
    this.#events = -1;
    clearTimeout(this.#feeding);
    this.#feed();
    const { memory } = machine.vm;
    this.#send({
      event: 'made',
      ...(this.#shares && { memory: memory.wasm }),
      bytes: memory.size,
      engine: options.engine,
      again,
    });
    if (!this.#shares) void this.#watch(entry);
  }

  /** What the guest does between two calls is told to a client that cannot see the memory, too. */
  async #watch(entry: VmEntry): Promise<void> {
    while (this.#entry === entry && entry.isAlive) {
      const { words, vm } = entry.machine;
      await vm.memory.waitAsync(words.eventOffset, this.#events, WATCH_MS);
      this.#report();
    }
  }

  /** Moves waiting input into the ring as far as it has room, and comes back for the rest. */
  #feed(): void {
    const machine = this.#entry?.machine;
    if (machine === undefined || this.#waiting.length === 0) return;
    const { memory } = machine.vm;
    const ring = Ring.at(memory.wasm.buffer, memory.base + CONSOLE_IN_RING);
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const taken = ring.offer(first);
      if (taken < first.length) {
        this.#waiting[0] = first.subarray(taken);
        break;
      }
      this.#waiting.shift();
    }
    // The deterministic engine looks for itself, before each round.
    if (machine.isDeterministic) return;
    memory.add(vcpuPage(memory, 0) + V_WAKE, 1);
    memory.notify(vcpuPage(memory, 0) + V_WAKE);
    clearTimeout(this.#feeding);
    if (this.#waiting.length > 0) this.#feeding = setTimeout(() => this.#feed(), FEED_MS);
  }

  /** Tells what changed to a client that cannot see the memory. */
  #report(): void {
    const machine = this.#entry?.machine;
    if (machine === undefined || this.#shares) return;
    const ring = Ring.at(machine.vm.memory.wasm.buffer, machine.vm.memory.base + CONSOLE_OUT_RING);
    if (ring.length > 0) this.#send({ event: 'console', bytes: ring.read() });
    const { words } = machine;
    if (words.events === this.#events) return;
    this.#events = words.events;
    if (words.isRebooting) {
      void this.#reboot().catch(() => {});
      return;
    }
    const parked = words.parked;
    this.#send({
      event: 'words',
      state: words.state,
      ...(words.ending ? { ending: words.ending } : {}),
      ...(parked === undefined ? {} : { parked, exit: parkedExit(machine, parked) }),
    });
  }
}

function parkedExit(machine: Machine, vcpu: number): ParkedExit {
  const memory = machine.vm.memory;
  return {
    vcpu,
    reason: memory.u32(vcpuArea(memory, vcpu) + RUN_EXIT_REASON),
    rip: machine.vm.vcpu(vcpu).getRegs().rip,
  };
}
