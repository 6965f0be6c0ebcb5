// The session's near end: actions on the machine worker's files, and the machine's words and console read from its memory.
// No React.

import { RUN_EXIT_REASON } from '../../assembly/abi/kvm_run.ts';
import { CONSOLE_OUT_RING } from '../../assembly/abi/map.ts';
import { V_RIP } from '../../assembly/abi/vcpu_page.ts';
import { Ring } from '../devices/index.ts';
import { type Fs, FsClient, type Port } from '../fs/index.ts';
import { isKvmError, MachineMemory, vcpuArea, vcpuPage } from '../kvm/index.ts';
import type { Terminal } from '../virtio/terminal.ts';
import { terminalOf } from '../vmm/virtio.ts';
import { MachineWords } from '../vmm/words.ts';
import { ACTIONS, type Action, perform, shellText } from './actions.ts';
import type { GivenOptions } from './given.ts';
import {
  type CallName,
  type Calls,
  type MadeMessage,
  type ParkedExit,
  type ServerMessage,
  splitPort,
} from './port.ts';
import { endingSentence, parkedSentence, tierSentence } from './sentences.ts';
import type { Command, Ending, MachineOptions, MachineState, Session, SessionStatus, Tier } from './types.ts';

/** How often the near end looks at the console and at the machine's words, in ms. */
const LOOK_MS = 8;
/** How often a byte is taken for a reader that is busy, in ms: well below RING_PATIENCE_MS. */
const TRICKLE_MS = 250;

/** A refused machine in the words of whoever refused it; an errno that says no more than that is left out. */
function plainError(error: unknown): Error {
  if (isKvmError(error, 'EINVAL') || isKvmError(error, 'ENOEXEC'))
    return new Error(error.message.slice(error.code.length + 2), { cause: error });
  return error instanceof Error ? error : new Error(String(error));
}

export class SessionClient implements Session {
  readonly fs: Fs;
  readonly #port: Port;
  readonly #calls: Port;
  readonly #shares: boolean;
  readonly #waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  readonly #statusListeners = new Set<(status: SessionStatus) => void>();
  readonly #consoleListeners = new Set<(bytes: Uint8Array) => void>();
  readonly #commandListeners = new Set<(command: Command) => void>();
  readonly #madeListeners = new Set<(again: boolean) => void>();
  readonly #early: Uint8Array[] = [];
  #next = 1;
  #tier: Tier;
  #status: SessionStatus = { state: 'stopped' };
  #error: string | undefined;
  #trouble: string | undefined;
  #memory: MachineMemory | undefined;
  #copy: ArrayBuffer = new ArrayBuffer(0);
  #words: MachineWords | undefined;
  #output: Ring | undefined;
  #seen = -1;
  #held = false;
  #trickled = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Input goes in the order in which it was given. */
  #typed: Promise<unknown> = Promise.resolve();

  private constructor(port: Port, tier: Tier) {
    const { calls, files } = splitPort(port);
    this.#port = port;
    this.#calls = calls;
    this.#tier = tier;
    this.#shares = tier !== 'messages';
    this.fs = new FsClient(files);
    calls.listen(
      (message) => this.#receive(message as ServerMessage),
      (why) => this.#died(why),
    );
  }

  /**
   * Starts the machine worker at the other end of `port`, and a machine in it; `onCommand` hears of that too.
   * `given` is what machines may have of the client's host.
   */
  static async start(
    port: Port,
    tier: Tier,
    core: WebAssembly.Module,
    options: MachineOptions,
    onCommand?: (command: Command) => void,
    given: GivenOptions = {},
  ): Promise<SessionClient> {
    const client = new SessionClient(port, tier);
    if (onCommand) client.onCommand(onCommand);
    try {
      await client.#call('start', { core, share: client.#shares, own: true, ...given });
      await client.make(options);
    } catch (error) {
      port.close();
      throw error;
    }
    if (client.#shares) client.#timer = setInterval(() => client.#look(), LOOK_MS);
    return client;
  }

  async give(given: GivenOptions): Promise<void> {
    await this.#call('give', given);
  }

  get tier(): Tier {
    return this.#tier;
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

  onCommand(listener: (command: Command) => void): () => void {
    this.#commandListeners.add(listener);
    return () => this.#commandListeners.delete(listener);
  }

  onMade(listener: (again: boolean) => void): () => void {
    this.#madeListeners.add(listener);
    return () => this.#madeListeners.delete(listener);
  }

  memory(): ArrayBufferLike {
    return this.#memory?.wasm.buffer ?? this.#copy;
  }

  terminal(): Terminal | undefined {
    return this.#memory && terminalOf(this.#memory);
  }

  async refresh(ranges: { offset: number; length: number }[] = []): Promise<void> {
    if (this.tier !== 'messages') return;
    const copy = this.#copy;
    for (const { offset, bytes } of await this.#call('refresh', ranges))
      new Uint8Array(copy, offset, bytes.length).set(bytes);
  }

  make(options: MachineOptions): Promise<void> {
    const engine = this.#shares ? options.engine : 'deterministic';
    return this.#change(ACTIONS.make({ ...options, engine }));
  }

  run(): Promise<void> {
    return this.#change(ACTIONS.run());
  }

  pause(): Promise<void> {
    return this.#change(ACTIONS.pause());
  }

  step(vcpu: number): Promise<void> {
    return this.#change(ACTIONS.step(vcpu));
  }

  reset(): Promise<void> {
    return this.#change(ACTIONS.reset());
  }

  input(bytes: Uint8Array): void {
    const action = ACTIONS.input(bytes.slice());
    this.#typed = this.#typed.then(() => this.#perform(action)).catch(() => {});
  }

  harvest(slot: number): Promise<Uint8Array> {
    return this.#perform(ACTIONS.harvest(slot));
  }

  async debug(vcpu: number, words: string): Promise<void> {
    await this.#perform(ACTIONS.debug(vcpu, words));
  }

  async balloon(mib: number): Promise<void> {
    await this.#perform(ACTIONS.balloon(mib));
  }

  async jit(entries: number | 'off'): Promise<void> {
    await this.#perform(ACTIONS.jit(entries));
  }

  async forget(vcpu: number, region: number): Promise<void> {
    await this.#perform(ACTIONS.forget(vcpu, region));
  }

  async poke(slot: number, offset: number, bytes: Uint8Array): Promise<void> {
    await this.#perform(ACTIONS.poke(slot, offset, bytes));
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
      this.#calls.post({ id, call, argument });
    });
  }

  async #change(action: Action): Promise<void> {
    await this.#perform(action);
    this.#look();
  }

  /** Carries an action out and tells of it. Rejects with one sentence. */
  async #perform(action: Action): Promise<Uint8Array> {
    const tell = (error?: Error): void => {
      if (this.#commandListeners.size === 0) return;
      const command = { text: shellText(action), ...(error && { error: error.message }) };
      for (const listener of this.#commandListeners) listener(command);
    };
    try {
      const result = await perform(this.fs, action);
      tell();
      return result;
    } catch (error) {
      const plain = this.#error === undefined ? plainError(error) : new Error(this.#error);
      tell(plain);
      throw plain;
    }
  }

  /** Takes up a machine that was made, by whatever write to the files. */
  #adopt({ memory, bytes, engine, again }: MadeMessage): void {
    if (memory === undefined) {
      this.#copy = new ArrayBuffer(bytes);
    } else {
      this.#memory = new MachineMemory(memory);
      this.#words = new MachineWords(this.#memory);
      this.#output = Ring.at(memory.buffer, CONSOLE_OUT_RING);
      this.#output.attach();
      this.#tier = engine;
    }
    this.#error = undefined;
    this.#trouble = undefined;
    this.#seen = -1;
    this.#publish({ state: 'stopped' });
    for (const listener of this.#madeListeners) listener(again);
  }

  #receive(message: ServerMessage): void {
    if ('id' in message) {
      const waiter = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if ('error' in message) waiter?.reject(new Error(message.error));
      else waiter?.resolve(message.result);
      return;
    }
    if (message.event === 'made') this.#adopt(message);
    else if (message.event === 'console') this.#print(message.bytes);
    else if (message.event === 'trouble') this.#troubled(message.sentence);
    else if (message.event === 'dead') this.#died(message.why);
    else this.#tell(message.state as MachineState, message.ending as Ending | undefined, message.exit);
  }

  #troubled(sentence: string | undefined): void {
    this.#trouble = sentence;
    const { trouble: _, ...status } = this.#status;
    this.#publish(status);
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
    if (words.isRebooting) {
      void this.#call('reboot', undefined).catch(() => {});
      return;
    }
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
    this.#status = {
      ...status,
      ...(this.#trouble !== undefined && { trouble: this.#trouble }),
      ...(this.#error !== undefined && { error: this.#error }),
    };
    for (const listener of this.#statusListeners) listener(this.#status);
  }
}
