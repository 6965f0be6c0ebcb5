// The virtio devices of a session's machine: each in a module of its own, or inline between the turns of the deterministic
// engine. It makes no machine.

import { TERMINAL_BASE } from '../../assembly/abi/map.ts';
import type { DiskWords } from '../disk/index.ts';
import type { Fs } from '../fs/index.ts';
import { KvmError } from '../kvm/index.ts';
import type { ModuleHost, ModuleInfo } from '../modules/index.ts';
import type { Cable } from '../net/index.ts';
import { type DeviceRequest, DeviceServer, makeBackend } from '../virtio/index.ts';
import { type Machine, mmioPlace, terminalOf, type VirtioDevice } from '../vmm/index.ts';
import { bind, handleOf, type SlotInterface } from '../xinterface/index.ts';

/** The session's tree, for devices that share files. */
export interface SessionFiles {
  /** For devices in this thread. */
  readonly fs: Fs;
  /** A channel to it for one in another thread, and what ends it. */
  connect(): { readonly port: MessagePort; end(): void };
}

/** The session's networks, for network cards. */
export interface SessionNetworks {
  /** A cable into the network of this name. Rejects with a KvmError. */
  plug(name: string): Promise<Cable>;
  /** The Ethernet address of the machine's card `n` on the network of this name, if it was given none. */
  mac(name: string, n: number): string;
}

/** The session's disks: what one of this name is. Rejects with ENOENT. */
export type SessionDisks = (name: string) => Promise<DiskWords>;
const PAGE = 4096;

/** What devices are started with. */
export interface DeviceMeans {
  readonly machine: Machine;
  /** By number from 1, as the machine was made. */
  readonly requests: readonly DeviceRequest[];
  /** Runs them in threads; without it they are served here. */
  readonly modules: ModuleHost | undefined;
  readonly files: SessionFiles;
  readonly networks: SessionNetworks;
  readonly disks: SessionDisks;
  /** There is something to do though the guest did nothing: `pump` is to be called. */
  readonly onWake: () => void;
  /** What keeps a device from its work now, in one sentence; undefined when nothing does any more. */
  readonly onTrouble: (device: string, sentence: string | undefined) => void;
  /** A device has died: one sentence. */
  readonly onDeath: (sentence: string) => void;
}

/** `rng0`, `blk0`, `blk1`: what pins and modules show. */
export function deviceNames(requests: readonly DeviceRequest[]): string[] {
  const seen = new Map<string, number>();
  return requests.map(({ kind }) => {
    const n = seen.get(kind) ?? 0;
    seen.set(kind, n + 1);
    return `${kind}${n}`;
  });
}

export class MachineDevices {
  readonly names: readonly string[];
  readonly #means: DeviceMeans;
  readonly #inline: { readonly server: DeviceServer; readonly guest: SlotInterface }[] = [];
  #attending: Promise<void> | undefined;
  #unlisten: (() => void) | undefined;
  /** Ends of channels to the session's tree and networks. */
  readonly #channels: (() => void)[] = [];

  private constructor(means: DeviceMeans) {
    this.#means = means;
    this.names = deviceNames(means.requests);
  }

  /** Starts all of them; the guest may run then. Rejects with a sentence, with none left running. */
  static async start(means: DeviceMeans): Promise<MachineDevices> {
    const devices = new MachineDevices(means);
    try {
      const { modules } = means;
      if (modules !== undefined && !means.machine.isDeterministic) await devices.#startModules(modules);
      else for (const n of means.requests.keys()) await devices.#startInline(n);
    } catch (error) {
      await devices.close();
      throw error;
    }
    return devices;
  }

  /** Names of the disks that they have. */
  get disks(): string[] {
    return this.#means.requests.flatMap((request) => (request.kind === 'blk' ? [request.disk] : []));
  }

  #device(n: number): VirtioDevice {
    return this.#means.machine.board?.virtio[n] as VirtioDevice;
  }

  async #startModules(modules: ModuleHost): Promise<void> {
    this.#unlisten = modules.onChange((info) => this.#changed(info));
    const { machine, requests } = this.#means;
    const guest = handleOf(machine.vm);
    // One after the other: names and pins then stand in the order of the devices.
    for (const n of requests.keys()) {
      const { number, page, transport } = this.#device(n);
      const device = this.#request(n);
      const port = device.kind === '9p' ? this.#connect() : await this.#plug(device);
      const disk = await this.#disk(device);
      await modules.start({
        kind: 'virtio',
        name: this.names[n] as string,
        guest,
        options: {
          device,
          memory: machine.vm.memory.wasm,
          page,
          number,
          ...(transport === 'mmio' && { gsi: mmioPlace(number).gsi }),
          ...(device.kind === 'console' && { terminal: machine.vm.memory.base + TERMINAL_BASE }),
          ...(port && { port }),
          ...(disk && { disk }),
        },
        ...(port && { transfer: [port] }),
      });
    }
  }

  /** What a device is asked to be, with what the session decides. */
  #request(n: number): DeviceRequest {
    const { requests, networks } = this.#means;
    const request = requests[n] as DeviceRequest;
    return request.kind === 'net' ? { mac: networks.mac(request.network, n), ...request } : request;
  }

  async #disk(request: DeviceRequest): Promise<DiskWords | undefined> {
    return request.kind === 'blk' ? this.#means.disks(request.disk) : undefined;
  }

  /** The cable of a network card. */
  async #plug(request: DeviceRequest): Promise<MessagePort | undefined> {
    if (request.kind !== 'net') return undefined;
    const { port, pull } = await this.#means.networks.plug(request.network);
    this.#channels.push(pull);
    return port;
  }

  #connect(): MessagePort {
    const { port, end } = this.#means.files.connect();
    this.#channels.push(end);
    return port;
  }

  /** The machine outlives its devices: the driver is told, and its resets wait for nobody. */
  #changed({ name, state, why, report }: ModuleInfo): void {
    const n = this.names.indexOf(name);
    if (n >= 0 && this.#unlisten !== undefined) this.#heard(name, report);
    if (n < 0 || state === 'starting' || state === 'running' || this.#unlisten === undefined) return;
    const { registers, signals } = this.#device(n);
    registers.isServed = false;
    if (registers.isStarted && registers.needReset(registers.resets)) void signals.config();
    this.#means.onDeath(
      `Device ${name} is gone (${why ?? state}); the machine goes on without it, reset it to have it again.`,
    );
  }

  /** A back end says why it waits or has refused a request. */
  #heard(name: string, report: unknown): void {
    const { waiting, error } = (report ?? {}) as { waiting?: string; error?: string };
    const plain = (sentence: string) => sentence.replace(/^E[A-Z]+: /, '');
    if (waiting) this.#means.onTrouble(name, `The guest waits for ${name}: ${plain(waiting)}.`);
    else this.#means.onTrouble(name, error && `${name} has refused the guest's request: ${plain(error)}.`);
  }

  async #startInline(n: number): Promise<void> {
    const { machine, onWake, files } = this.#means;
    const request = this.#request(n);
    const port = await this.#plug(request);
    const backend = await makeBackend(request, {
      port,
      disk: await this.#disk(request),
      files: files.fs,
      isInOrder: machine.isDeterministic,
      terminal: request.kind === 'console' ? terminalOf(machine.vm.memory) : undefined,
    });
    // Behind all that may be refused: nobody would let go of it.
    const guest = bind(handleOf(machine.vm), { name: this.names[n] as string, kind: 'module' });
    const { registers, signals } = this.#device(n);
    const report = (said: unknown) => this.#heard(this.names[n] as string, said);
    const server = new DeviceServer({ guest, backend, registers, signals, onWake, report });
    this.#inline.push({ server, guest });
  }

  /** Does what inline devices have to do; undefined when there is nothing. In the order of their numbers. */
  pump(): Promise<void> | undefined {
    if (this.#attending !== undefined) return this.#attending;
    if (!this.#inline.some(({ server }) => server.isDue)) return undefined;
    this.#attending = this.#attend();
    return this.#attending;
  }

  async #attend(): Promise<void> {
    for (const { server } of this.#inline) await server.attend();
    this.#attending = undefined;
  }

  /** What the machine's balloon is asked for and holds, in bytes. ENODEV without one. */
  get balloon(): { readonly target: number; readonly held: number } {
    const { config } = this.#balloon().registers;
    const view = new DataView(config.buffer, config.byteOffset, config.length);
    return { target: view.getUint32(0, true) * PAGE, held: view.getUint32(4, true) * PAGE };
  }

  /** Asks the guest to have `bytes` in its balloon. ENODEV without one. */
  async setBalloon(bytes: number): Promise<void> {
    const { registers, signals } = this.#balloon();
    const pages = new Uint8Array(4);
    new DataView(pages.buffer).setUint32(0, Math.floor(bytes / PAGE), true);
    registers.setConfig(pages);
    if (registers.isStarted) await signals.config();
  }

  #balloon(): VirtioDevice {
    const n = this.#means.requests.findIndex(({ kind }) => kind === 'balloon');
    if (n < 0)
      throw new KvmError(
        'ENODEV',
        'this machine has no balloon; write devices=balloon to options and reset it',
      );
    return this.#device(n);
  }

  /** Ends all of them; nothing of them holds the machine then. */
  async close(): Promise<void> {
    this.#unlisten?.();
    this.#unlisten = undefined;
    const { modules } = this.#means;
    for (const name of this.names) {
      if (modules?.get(name) === undefined) continue;
      await modules.stop(name);
      modules.remove(name);
    }
    await this.#attending;
    for (const { server, guest } of this.#inline.splice(0)) {
      await server.end();
      guest.put();
    }
    for (const end of this.#channels.splice(0)) end();
  }
}
