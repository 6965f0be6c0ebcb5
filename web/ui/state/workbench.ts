// What the page works on: source, options, the session and its state, and the actions of the top bar. No React.

import type { Fs } from '../../fs/index.ts';
import { ACTIONS, perform, shellText } from '../../session/actions.ts';
import { startSession } from '../../session/index.ts';
import type { SharedOptions } from '../../session/share.ts';
import type { GivenOptions, MachineOptions, Program, Session, SessionStatus } from '../../session/types.ts';
import {
  type FloatRegisters,
  type Registers,
  readDebugging,
  readFloat,
  readRegisters,
  readSlots,
  vcpuIds,
} from '../../session/views/index.ts';
import {
  type Assembled,
  assembleSource,
  errorsOf,
  type ListingRow,
  type Problem,
  problemSentence,
} from '../editor/toolchain.ts';
import { CommandLog } from './commands.ts';
import { HarvestLog } from './harvest.ts';
import { PageStorage } from './storage.ts';
import { Store } from './store.ts';
import { MachineWatch } from './watch.ts';

/** A kernel chosen from the disk or from the guests beside the page. */
export interface KernelFiles {
  name: string;
  kernel: Uint8Array;
  initrd?: Uint8Array;
  append: string;
}

/** What a vCPU's registers held. */
export interface RegisterState {
  readonly registers: Registers;
  readonly float: FloatRegisters;
}

export interface PageState {
  /** Id of the lab guest that the source came from; undefined for a kernel or an unknown source. */
  guest: string | undefined;
  source: string;
  options: SharedOptions;
  /** What runs instead of the source, if anything. */
  kernel: KernelFiles | undefined;
  /** Errors of the source as it stands in the editor. */
  problems: readonly Problem[];
  /** Addresses and lines of the image that is loaded. */
  listing: readonly ListingRow[];
  session: Session | undefined;
  /** The machine worker's files; they stay while machines come and go. */
  fs: Fs | undefined;
  status: SessionStatus;
  watch: MachineWatch;
  /** The guest whose files are on their way, by its title. */
  fetching: string | undefined;
  /** Something is under way that buttons must wait for. */
  isBusy: boolean;
  /** Source or options were changed after the machine was made. */
  isStale: boolean;
  /** One sentence about what failed last. */
  failure: string | undefined;
  /** One sentence about files and disks: what was done with them last, or is being done. */
  notice: string | undefined;
  /** The vCPU that registers and disassembly show. */
  vcpu: number;
  /** Registers of each vCPU before the last run or step. */
  before: ReadonlyMap<number, RegisterState>;
  /** The guest memory in sight before the last run or step, by offset in the machine's memory. */
  beforeBytes: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
  /** Dirty log history by slot id. */
  harvests: ReadonlyMap<number, HarvestLog>;
}

/** Where the console's bytes go. */
export interface ConsoleSink {
  write(bytes: Uint8Array): void;
  clear(): void;
}

const STOPPED: SessionStatus = { state: 'stopped' };

/** The one workbench of a page. */
export class Workbench {
  readonly state: Store<PageState>;
  /** What was done on the machine's files. */
  readonly commands = new CommandLog();
  /** The disks and files that this browser keeps. */
  readonly storage = new PageStorage(() => this.state.get().fs);
  readonly #console: ConsoleSink;
  #queue: Promise<void> = Promise.resolve();
  #checking: Promise<void> | undefined;
  /** The machine worker's near end, kept while machines come and go. */
  #worker: Session | undefined;
  /** The session whose console and status are shown; a machine that is gone may still have words on the way. */
  #current: Session | undefined;
  /** Resolved when the page has taken up the machine that was made last. */
  #taken: Promise<void> = Promise.resolve();
  /** What machines of this page may have by name. */
  #given: GivenOptions = {};
  #goToListeners = new Set<(line: number, column: number) => void>();

  constructor(
    start: { guest?: string | undefined; source: string; options: SharedOptions },
    sink: ConsoleSink,
  ) {
    this.#console = sink;
    this.state = new Store<PageState>({
      guest: start.guest,
      source: start.source,
      options: start.options,
      kernel: undefined,
      problems: [],
      listing: [],
      session: undefined,
      fs: undefined,
      status: STOPPED,
      watch: new MachineWatch(),
      fetching: undefined,
      isBusy: false,
      isStale: false,
      failure: undefined,
      notice: undefined,
      vcpu: 0,
      before: new Map(),
      beforeBytes: [],
      harvests: new Map(),
    });
  }

  /** Makes the machine without running it, so that every panel has something to show. */
  prepare(): Promise<void> {
    return this.#do(() => this.#make());
  }

  /** Replaces source and options by a guest's, and makes its machine. */
  open(guest: { guest?: string | undefined; source: string; options: SharedOptions }): Promise<void> {
    this.state.patch({ ...guest, guest: guest.guest, kernel: undefined, failure: undefined, problems: [] });
    return this.#openAnew();
  }

  /** Takes a kernel instead of the source, and makes its machine. */
  openKernel(kernel: KernelFiles, options: SharedOptions): Promise<void> {
    this.state.patch({ kernel, options, guest: undefined, failure: undefined });
    return this.#openAnew();
  }

  /** As openKernel, with files that come first: until then nothing else is done, and the page says what it waits for. */
  openFetched(
    title: string,
    fetch: () => Promise<{ files: KernelFiles; options: SharedOptions }>,
  ): Promise<void> {
    return this.#do(async () => {
      this.state.patch({ fetching: title });
      try {
        const { files: kernel, options } = await fetch();
        this.state.patch({ kernel, options, guest: undefined });
      } finally {
        this.state.patch({ fetching: undefined });
      }
      await this.#makeAnother();
    });
  }

  #openAnew(): Promise<void> {
    return this.#do(() => this.#makeAnother());
  }

  /** Another program: the breakpoints of the one before mean nothing to it. */
  async #makeAnother(): Promise<void> {
    const { session, watch, status } = this.state.get();
    const memory = watch.memory();
    const set =
      memory && !status.error
        ? vcpuIds(memory).filter((id) => readDebugging(memory, id).points.length > 0)
        : [];
    for (const id of set) await session?.debug(id, 'off');
    await this.#make();
  }

  edit(source: string): void {
    if (source === this.state.get().source) return;
    this.state.patch({ source, kernel: undefined, isStale: true });
    this.#checking ??= new Promise<void>((done) => setTimeout(done, 250)).then(() => {
      this.#checking = undefined;
      return this.#check();
    });
  }

  setOptions(options: Partial<SharedOptions>): void {
    this.state.patch({ options: { ...this.state.get().options, ...options }, isStale: true });
  }

  /** Whether a guest's reset ends the machine, whatever is loaded; otherwise what is loaded decides. */
  setEndsAtReset(on: boolean): void {
    const { reboot: _, ...options } = this.state.get().options;
    this.state.patch({ options: { ...options, ...(on && { reboot: false }) }, isStale: true });
  }

  /** Gives machines networks, by names that their options may say. */
  async give({ networks }: Pick<GivenOptions, 'networks'>): Promise<void> {
    this.#given = { networks: { ...this.#given.networks, ...networks } };
    // A worker that has died is started anew with all of them.
    await this.#worker?.give({ ...(networks && { networks }) }).catch(() => {});
  }

  /** Puts the cursor of the editor, where one is shown, to a place of the source; counted from 1. */
  goTo(line: number, column: number): void {
    for (const listener of this.#goToListeners) listener(line, column);
  }

  /** The editor's end of `goTo`; returns the unsubscriber. */
  onGoTo(listener: (line: number, column: number) => void): () => void {
    this.#goToListeners.add(listener);
    return () => this.#goToListeners.delete(listener);
  }

  select(vcpu: number): void {
    this.state.patch({ vcpu });
  }

  /** Runs the machine; a changed source, changed options or an ended machine make it anew first. */
  run(): Promise<void> {
    return this.#do(async () => {
      const session = await this.#fresh();
      if (!session) return;
      this.#remember();
      await session.run();
    });
  }

  pause(): Promise<void> {
    return this.#do(async () => this.state.get().session?.pause());
  }

  /** One instruction of the selected vCPU. */
  step(): Promise<void> {
    return this.#do(async () => {
      const session = await this.#fresh();
      if (!session) return;
      this.#remember();
      await session.step(this.state.get().vcpu);
      this.state.get().watch.look();
    });
  }

  /** Back to the state after loading, with the source and options as they stand now. */
  reset(): Promise<void> {
    return this.#do(async () => {
      const { session, isStale } = this.state.get();
      if (!session || isStale) return this.#make();
      await session.reset();
      await this.#taken;
    });
  }

  /** Words for the selected vCPU's debugger: breakpoints and watchpoints set and cleared. */
  debug(words: string): Promise<void> {
    return this.#beside(async ({ session, vcpu }) => session?.debug(vcpu, words));
  }

  /** Puts bytes into a slot's memory. */
  poke(slot: number, offset: number, bytes: Uint8Array): Promise<void> {
    return this.#beside(async ({ session }) => session?.poke(slot, offset, bytes));
  }

  /** Asks the guest to have so many MiB in its balloon. */
  balloon(mib: number): Promise<void> {
    return this.#beside(async ({ session }) => session?.balloon(mib));
  }

  /** Compiles hot code from now on, or leaves all of it to the interpreter; a machine that is made later too. */
  jit(entries: number | 'off'): Promise<void> {
    return this.#beside(async ({ session, options }) => {
      await session?.jit(entries);
      this.state.patch({ options: { ...options, jit: entries } });
    });
  }

  /** Forgets a compiled region of the selected vCPU. */
  forget(region: number): Promise<void> {
    return this.#beside(async ({ session, vcpu }) => session?.forget(vcpu, region));
  }

  /** The lines of a shell that do what Run, Step or Reset would do now, or that make this machine from nothing. */
  async script(action: 'run' | 'step' | 'reset' | 'make'): Promise<string> {
    const { session, isStale, status, vcpu, source, options, kernel } = this.state.get();
    const own = { run: ACTIONS.run(), step: ACTIONS.step(vcpu), reset: [], make: [] }[action];
    if (action !== 'make' && session && !isStale && !status.error) {
      const isMadeAnew = action === 'reset' || status.state === 'ended';
      return shellText([...(isMadeAnew ? ACTIONS.reset() : []), ...own]);
    }
    const assembled = kernel ? undefined : await assembleSource(source, options.at);
    if (assembled && errorsOf(assembled.problems).length > 0)
      return `# ${problemSentence(assembled.problems)}`;
    const whole = [...ACTIONS.make(machineOptions(options, kernel, assembled)), ...own];
    // What is too long to be spelled out must lie where the lines say; of a machine that was made it does.
    if (session && isStale && !status.error)
      await perform(
        session.fs,
        whole.filter(({ kind }) => kind === 'upload'),
      );
    return shellText(whole);
  }

  input(bytes: Uint8Array): void {
    this.state.get().session?.input(bytes);
  }

  /** Shows one sentence in the status strip until the next action. */
  fail(sentence: string): void {
    this.state.patch({ failure: sentence });
  }

  /** Work that Run and Reset wait for, because it changes what they make. What it throws is its caller's. */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    let done: Promise<T> | undefined;
    await this.#do(() => {
      done = work();
      return done.then(
        () => {},
        () => {},
      );
    });
    return done as Promise<T>;
  }

  /** A change that needs no turn of its own and can be made while the machine runs. */
  async #beside(change: (state: PageState) => Promise<void>): Promise<void> {
    try {
      await change(this.state.get());
      this.state.get().watch.look();
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
    }
  }

  /** Actions run one after another; what one throws becomes the sentence of the status strip. */
  #do(action: () => Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(async () => {
      this.state.patch({ isBusy: true, failure: undefined, notice: undefined });
      try {
        await action();
      } catch (error) {
        this.fail(error instanceof Error ? error.message : String(error));
      } finally {
        this.state.patch({ isBusy: false });
      }
    });
    return this.#queue;
  }

  /** The session that the source and options ask for, made anew where the one at hand is another or has ended. */
  async #fresh(): Promise<Session | undefined> {
    const { session, isStale, status } = this.state.get();
    if (!session || isStale || status.error) {
      await this.#make();
      // A source with errors leaves the machine before it in sight, but it is not what was asked for.
      if (this.state.get().isStale) return undefined;
    } else if (status.state === 'ended') {
      await session.reset();
      await this.#taken;
    }
    return this.state.get().session;
  }

  async #make(): Promise<void> {
    const { source, options, kernel } = this.state.get();
    const assembled = kernel ? undefined : await assembleSource(source, options.at);
    // The machine at hand stays until its successor's source is sound.
    if (assembled && !this.#accept(assembled)) return;
    this.#current = undefined;
    this.#console.clear();
    const gone = {
      session: undefined,
      status: STOPPED,
      watch: new MachineWatch(),
      before: new Map(),
      beforeBytes: [],
    };
    this.state.patch({ ...gone, listing: [], harvests: new Map(), isStale: false, vcpu: 0 });
    const session = await this.#sessionOf(machineOptions(options, kernel, assembled));
    this.#current = session;
    const watch = new MachineWatch(session);
    await watch.refresh();
    this.state.patch({
      session,
      status: session.status,
      watch,
      listing: assembled?.listing ?? [],
    });
    await this.#startHarvests(session);
  }

  /** A machine of these options: in the worker at hand if it lives, else in a new one. */
  async #sessionOf(options: MachineOptions): Promise<Session> {
    const old = this.#worker;
    if (old && old.status.error === undefined) {
      await old.make(options);
      return old;
    }
    this.#worker = undefined;
    await old?.close();
    const session = await startSession(options, (command) => this.commands.add(command), this.#given);
    this.#worker = session;
    session.onConsole((bytes) => this.#current === session && this.#console.write(bytes));
    session.onStatus((status) => this.#current === session && this.state.patch({ status }));
    session.onMade((again) => {
      if (this.#current === session) this.#taken = this.#takeUp(session, again);
    });
    this.state.patch({ fs: session.fs });
    void this.storage.refresh().catch(() => {});
    return session;
  }

  /** The machine was made anew, by Reset or by a shell; `again`: by its guest, which writes on to the same screen. */
  async #takeUp(session: Session, again: boolean): Promise<void> {
    if (!again) this.#console.clear();
    this.state.patch({ failure: undefined, before: new Map(), beforeBytes: [] });
    await this.#startHarvests(session);
    const memory = this.state.get().watch.memory();
    if (memory && !vcpuIds(memory).includes(this.state.get().vcpu)) this.select(0);
    this.state.get().watch.look();
  }

  /** Shows what assembling gave; false, with the first error as the sentence, when it failed. */
  #accept(assembled: Assembled): boolean {
    const { problems } = assembled;
    this.state.patch({ problems });
    if (errorsOf(problems).length === 0) return true;
    this.state.patch({ failure: problemSentence(problems), isStale: true });
    return false;
  }

  async #check(): Promise<void> {
    const { source, options, kernel } = this.state.get();
    if (kernel) return;
    const { problems } = await assembleSource(source, options.at);
    if (source === this.state.get().source) this.state.patch({ problems });
  }

  /** Keeps the registers as the "before" of what comes next. */
  #remember(): void {
    const memory = this.state.get().watch.memory();
    if (!memory) return;
    const stateOf = (id: number) => ({ registers: readRegisters(memory, id), float: readFloat(memory, id) });
    const before = new Map(vcpuIds(memory).map((id) => [id, stateOf(id)] as const));
    this.state.patch({ before, beforeBytes: this.state.get().watch.wanted() });
  }

  async #startHarvests(session: Session): Promise<void> {
    await this.state.get().watch.refresh();
    const memory = this.state.get().watch.memory();
    const slots = memory ? readSlots(memory).filter((slot) => slot.logDirty) : [];
    this.state.patch({ harvests: new Map(slots.map((slot) => [slot.id, new HarvestLog(session, slot)])) });
  }
}

function machineOptions(
  { at, mode, ...machine }: SharedOptions,
  kernel: KernelFiles | undefined,
  assembled: Assembled | undefined,
): MachineOptions {
  if (!kernel) {
    const { image, origin } = assembled ?? { image: new Uint8Array(), origin: at };
    return { ...machine, program: { kind: 'flat', image, at: origin, mode } };
  }
  const program: Program = { kind: 'kernel', kernel: kernel.kernel };
  if (kernel.initrd) program.initrd = kernel.initrd;
  if (kernel.append) program.append = kernel.append;
  return { ...machine, program };
}
