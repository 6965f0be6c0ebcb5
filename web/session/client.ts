// The session's near end: calls to the machine worker, and the machine's words and console read from its memory. No React.

import { RUN_EXIT_REASON } from '../../assembly/abi/kvm_run.ts';
import { CONSOLE_OUT_RING } from '../../assembly/abi/map.ts';
import { V_RIP } from '../../assembly/abi/vcpu_page.ts';
import { Ring } from '../devices/index.ts';
import type { Port } from '../fs/index.ts';
import { MachineMemory, vcpuArea, vcpuPage } from '../kvm/index.ts';
import { MachineWords } from '../vmm/words.ts';
import type { CallName, Calls, ParkedExit, ServerMessage } from './port.ts';
import { endingSentence, parkedSentence, tierSentence } from './sentences.ts';
import type { Ending, MachineOptions, MachineState, Session, SessionStatus, Tier } from './types.ts';

/** How often the near end looks at the console and at the machine's words, in ms. */
const LOOK_MS = 8;
/** How often a byte is taken for a reader that is busy, in ms: well below RING_PATIENCE_MS. */
const TRICKLE_MS = 250;

export class SessionClient implements Session {
  readonly tier: Tier;
  readonly #port: Port;
  readonly #waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  readonly #statusListeners = new Set<(status: SessionStatus) => void>();
  readonly #consoleListeners = new Set<(bytes: Uint8Array) => void>();
  readonly #early: Uint8Array[] = [];
  #next = 1;
  #status: SessionStatus = { state: 'stopped' };
  #error: string | undefined;
  #memory: MachineMemory | undefined;
  #copy: ArrayBuffer = new ArrayBuffer(0);
  #words: MachineWords | undefined;
  #output: Ring | undefined;
  #seen = -1;
  #held = false;
  #trickled = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor(port: Port, tier: Tier) {
    this.#port = port;
    this.tier = tier;
    port.listen(
      (message) => this.#receive(message as ServerMessage),
      (why) => this.#died(why),
    );
  }

  static async start(
    port: Port,
    tier: Tier,
    core: WebAssembly.Module,
    options: MachineOptions,
  ): Promise<SessionClient> {
    const client = new SessionClient(port, tier);
    try {
      client.#adopt(await client.#call('start', { core, options, share: tier !== 'messages' }));
    } catch (error) {
      port.close();
      throw error;
    }
    if (tier !== 'messages') client.#timer = setInterval(() => client.#look(), LOOK_MS);
    return client;
  }

  get tierSentence(): string {
    return tierSentence(this.tier);
  }

  get status(): SessionStatus {
    return this.#status;
  }

  onStatus(listener: (status: SessionStatus) => void): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  onConsole(listener: (bytes: Uint8Array) => void): () => void {
    this.#consoleListeners.add(listener);
    for (const bytes of this.#early.splice(0)) listener(bytes);
    return () => this.#consoleListeners.delete(listener);
  }

  memory(): ArrayBufferLike {
    return this.#memory?.wasm.buffer ?? this.#copy;
  }

  async refresh(ranges: { offset: number; length: number }[] = []): Promise<void> {
    if (this.tier !== 'messages') return;
    const copy = this.#copy;
    for (const { offset, bytes } of await this.#call('refresh', ranges))
      new Uint8Array(copy, offset, bytes.length).set(bytes);
  }

  async run(): Promise<void> {
    await this.#call('run', undefined);
    this.#look();
  }

  async pause(): Promise<void> {
    await this.#call('pause', undefined);
    this.#look();
  }

  async step(vcpu: number): Promise<void> {
    await this.#call('step', vcpu);
    this.#look();
  }

  async reset(): Promise<void> {
    this.#adopt(await this.#call('reset', undefined));
    this.#error = undefined;
    this.#seen = -1;
    this.#publish({ state: 'stopped' });
  }

  input(bytes: Uint8Array): void {
    void this.#call('input', bytes.slice()).catch(() => {});
  }

  harvest(slot: number): Promise<Uint8Array> {
    return this.#call('harvest', slot);
  }

  translate(vcpu: number, gva: bigint): Promise<bigint | undefined> {
    return this.#call('translate', { vcpu, gva });
  }

  async hash(): Promise<string> {
    await this.pause();
    return this.#call('hash', undefined);
  }

  /**
   * Says whether the reader of the console is busy. Held back, a guest that prints waits for it instead of losing
   * bytes: only a byte now and then is taken, which keeps up the ring's patience.
   */
  holdConsole(held: boolean): void {
    this.#held = held;
    if (!held) this.#look();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#held = false;
    this.#look();
    await Promise.race([
      this.#call('close', undefined).catch(() => {}),
      new Promise((done) => setTimeout(done, 1000)),
    ]);
    this.#port.close();
  }

  #call<N extends CallName>(call: N, argument: Calls[N][0]): Promise<Calls[N][1]> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#port.post({ id, call, argument });
    });
  }

  #adopt({ memory, bytes }: Calls['start'][1]): void {
    if (memory === undefined) {
      this.#copy = new ArrayBuffer(bytes);
      return;
    }
    this.#memory = new MachineMemory(memory);
    this.#words = new MachineWords(this.#memory);
    this.#output = Ring.at(memory.buffer, CONSOLE_OUT_RING);
    this.#output.attach();
  }

  #receive(message: ServerMessage): void {
    if ('id' in message) {
      const waiter = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if ('error' in message) waiter?.reject(new Error(message.error));
      else waiter?.resolve(message.result);
      return;
    }
    if (message.event === 'console') this.#print(message.bytes);
    else if (message.event === 'dead') this.#died(message.why);
    else this.#tell(message.state as MachineState, message.ending as Ending | undefined, message.exit);
  }

  #died(why: string): void {
    this.#error = why;
    for (const waiter of this.#waiting.values()) waiter.reject(new Error(why));
    this.#waiting.clear();
    this.#publish({ ...this.#status, state: 'ended', error: why });
  }

  #print(bytes: Uint8Array): void {
    if (this.#consoleListeners.size === 0) this.#early.push(bytes);
    for (const listener of this.#consoleListeners) listener(bytes);
  }

  #drain(): void {
    const output = this.#output;
    if (output === undefined || output.length === 0) return;
    if (!this.#held) {
      this.#print(output.read());
      return;
    }
    const now = performance.now();
    if (now - this.#trickled < TRICKLE_MS) return;
    this.#trickled = now;
    this.#print(output.read(1));
  }

  /** Drains the console and reads the machine's words. */
  #look(): void {
    const words = this.#words;
    const memory = this.#memory;
    if (words === undefined || memory === undefined) return;
    const events = words.events;
    this.#drain();
    if (events === this.#seen) return;
    this.#seen = events;
    const parked = words.parked;
    const exit: ParkedExit | undefined =
      parked === undefined
        ? undefined
        : {
            vcpu: parked,
            reason: memory.u32(vcpuArea(memory, parked) + RUN_EXIT_REASON),
            rip: memory.u64(vcpuPage(memory, parked) + V_RIP),
          };
    this.#tell(words.state as MachineState, words.ending as Ending | undefined, exit);
  }

  #tell(
    state: MachineState,
    ending: { reason: Ending['reason']; status: number } | undefined,
    exit: ParkedExit | undefined,
  ): void {
    this.#publish({
      state,
      ...(ending
        ? { ending: { ...ending, sentence: endingSentence(ending.reason, ending.status, exit) } }
        : {}),
      ...(exit ? { parked: { vcpu: exit.vcpu, reason: exit.reason, sentence: parkedSentence(exit) } } : {}),
    });
  }

  #publish(status: SessionStatus): void {
    this.#status = this.#error === undefined ? status : { ...status, error: this.#error };
    for (const listener of this.#statusListeners) listener(this.#status);
  }
}
