// What the tests of web/kvmfs share: a tree over the built core, with vCPU workers, used in this thread. No assertions.
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { expect } from 'vitest';
import { directory, type Fs, LocalFs } from '../../../web/fs/index.ts';
import { type ErrnoName, isKvmError, Kvm } from '../../../web/kvm/index.ts';
import { KvmTree } from '../../../web/kvmfs/index.ts';
import { workerFile } from '../../../web/session/node_files.ts';
import { VcpuPool, type VcpuWorker } from '../../../web/vmm/index.ts';

export const core = new WebAssembly.Module(readFileSync('build/core.wasm'));
export const kvm = Kvm.open({ core });

export function spawnVcpu(): VcpuWorker {
  const worker = new Worker(workerFile('vcpu_worker'));
  return {
    post: (message) => worker.postMessage(message),
    listen: (onMessage, onDeath) => {
      worker.on('message', onMessage);
      worker.on('error', (error) => onDeath(error.message));
      worker.on('exit', (code) => code !== 0 && onDeath(`it ended with status ${code}`));
    },
    close: () => void worker.terminate(),
  };
}

/** A file system with /kvm in it. `threads` false: every VM runs by the deterministic engine. */
export function kvmFs(threads = true): { fs: Fs; tree: KvmTree; pool: VcpuPool } {
  const pool = new VcpuPool(spawnVcpu);
  const tree = new KvmTree({ kvm, pool, threads });
  return { fs: new LocalFs(directory([['kvm', tree.root]])), tree, pool };
}

/** The text of a file without the end of its last line. */
export const read = async (fs: Fs, path: string): Promise<string> =>
  (await fs.readText(path)).replace(/\n$/, '');

/** Expects a refusal with this errno; its sentence. */
export async function refuses(code: ErrnoName, call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(isKvmError(error, code), String(error)).toBe(true);
  return (error as Error).message;
}

/** A VM with 64 KiB of RAM at 0 and vCPU 0 in real mode about to execute `code` at 0x1000. */
export async function guest(fs: Fs, code: readonly number[], name = 'vm0'): Promise<string> {
  const vm = `/kvm/${name}`;
  await fs.mkdir(vm);
  await fs.mkdir(`${vm}/memory/0`);
  await fs.writeFile(`${vm}/memory/0/ctl`, 'gpa=0 size=64K flags=log_dirty');
  await fs.mkdir(`${vm}/cpu/0`);
  const mem = await fs.open(`${vm}/memory/0/mem`, 'r+');
  await mem.write(Uint8Array.from(code), 0x1000);
  await mem.close();
  await fs.writeFile(`${vm}/cpu/0/reg/cs.base`, '0');
  await fs.writeFile(`${vm}/cpu/0/reg/cs`, '0');
  await fs.writeFile(`${vm}/cpu/0/reg/rip`, '0x1000');
  return vm;
}
