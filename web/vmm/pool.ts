// The workers that run vCPUs: made when first needed, and used again for the next vCPU, of whatever machine. It knows no
// kind of thread: a floor above says how one is started.
import { KvmError, type VmHandle } from '../kvm/index.ts';

/** The near end of a worker that serves `serveVcpus`. */
export interface VcpuWorker {
  post(message: unknown): void;
  /** Sets the receiver of messages and of the worker's death (one sentence). */
  listen(onMessage: (message: unknown) => void, onDeath: (why: string) => void): void;
  close(): void;
}

/** What a worker is told, once for each vCPU that it shall run. */
export interface VcpuTask {
  readonly handle: VmHandle;
  readonly id: number;
}

/** What a worker says when a vCPU's thread has returned; `error` when it did so by an error. */
export interface VcpuDone {
  readonly error?: string;
}

/** Idle workers that are kept; more are ended. */
const KEPT = 16;
/** After so long without a task, in ms, the idle ones are ended: each holds 2 MiB or more of its host's memory. */
const IDLE_MS = 10_000;

export class VcpuPool {
  readonly #spawn: () => VcpuWorker;
  readonly #idle: VcpuWorker[] = [];
  readonly #tasks = new Map<VcpuWorker, (why: string | undefined) => void>();
  #rest: ReturnType<typeof setTimeout> | undefined;

  constructor(spawn: () => VcpuWorker) {
    this.#spawn = spawn;
  }

  /** Workers that exist, idle ones too. */
  get size(): number {
    return this.#idle.length + this.#tasks.size;
  }

  /** Runs a vCPU on a worker. `onEnd` is called once: without a word when its thread returned, else with why it ended. */
  start(task: VcpuTask, onEnd: (why: string | undefined) => void): void {
    const worker = this.#idle.pop() ?? this.#make();
    this.#tasks.set(worker, onEnd);
    worker.post(task);
  }

  #make(): VcpuWorker {
    let worker: VcpuWorker;
    try {
      worker = this.#spawn();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new KvmError('EAGAIN', `the host starts no worker for a vCPU (${why}); close other pages.`);
    }
    worker.listen(
      (message) => this.#done(worker, message as VcpuDone),
      (why) => this.#died(worker, why),
    );
    return worker;
  }

  #end(worker: VcpuWorker, why: string | undefined): void {
    const onEnd = this.#tasks.get(worker);
    this.#tasks.delete(worker);
    onEnd?.(why);
  }

  #done(worker: VcpuWorker, { error }: VcpuDone): void {
    // After an error the worker may hold anything: it is not used again.
    if (error === undefined && this.#idle.length < KEPT) this.#idle.push(worker);
    else worker.close();
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.#endIdle(), IDLE_MS);
    this.#end(worker, error);
  }

  #died(worker: VcpuWorker, why: string): void {
    const place = this.#idle.indexOf(worker);
    if (place >= 0) this.#idle.splice(place, 1);
    worker.close();
    this.#end(worker, why);
  }

  #endIdle(): void {
    for (const worker of this.#idle.splice(0)) worker.close();
  }

  /** Ends all workers. Their vCPUs must stand. */
  close(): void {
    clearTimeout(this.#rest);
    this.#endIdle();
    for (const worker of this.#tasks.keys()) worker.close();
    this.#tasks.clear();
  }
}
