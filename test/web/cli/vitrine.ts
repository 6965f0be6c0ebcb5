// What the tests of the command line share: guests in a folder of their own, and runs of the built program. No assertions.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assemble } from '../../../web/asm/index.ts';
import { findGuest } from '../../../web/lab/index.ts';

export const MAIN = 'build/cli/main.js';
const folder = mkdtempSync(join(tmpdir(), 'vitrine-run-'));

/** A file of this name and content; its path. */
export function file(name: string, content: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Options that run an assembled source as a flat image. */
export function flat(name: string, mode: 'real' | 'protected' | 'long', source: string): string[] {
  const result = assemble(source);
  if (result.errors !== undefined) throw new Error(result.errors[0]?.message);
  const path = file(`${name}.bin`, result.bytes);
  return ['--flat', path, '--at', String(result.origin), '--mode', mode, '--memory', '1M'];
}

/** Options that run a guest of the lab. */
export function lab(id: string): string[] {
  const guest = findGuest(id);
  if (guest === undefined) throw new RangeError(`There is no guest ${id}.`);
  const { mode, memory, cpus, exitPort } = guest.machine;
  return [
    ...flat(id, mode, guest.source),
    ...['--memory', String(memory), '--cpus', String(cpus), '--exit-port', String(exitPort)],
  ];
}

/** `vitrine run` to its end. `seconds` are its life: a run that hangs is killed and has the status null. */
export function run(args: string[], input: string | Uint8Array = '', seconds = 30) {
  const done = spawnSync(process.execPath, [MAIN, 'run', ...args], {
    input,
    timeout: seconds * 1000,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 26,
  });
  return { status: done.status, stdout: done.stdout.toString('latin1'), stderr: done.stderr.toString() };
}

/** `vitrine run` that goes on. */
export function start(args: string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, 'run', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
}

/** The statistics that a run wrote. */
export function statistics(args: string[], input = ''): { sha256?: string; instructions: number } {
  const path = file('stats.json', '');
  const { stderr } = run([...args, '--stats', path], input);
  if (stderr !== '') throw new Error(stderr);
  return JSON.parse(readFileSync(path, 'utf8'));
}
