// Script fragments as data: a file of them, run by our shell and by a shell of the system.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Shell, type Stream } from '../../../web/sh/index.ts';
import { makeTree } from './tree.ts';

/** What a run leaves: standard output as latin-1, whether something was said on standard error, the status. */
export interface Outcome {
  stdout: string;
  complains: boolean;
  status: number;
}

/** `### name` begins a fragment. */
export function readFragments(name: string): { name: string; text: string }[] {
  const text = readFileSync(join('test/fixtures/sh', name), 'latin1');
  return text
    .split(/^### /m)
    .slice(1)
    .map((part) => ({ name: part.slice(0, part.indexOf('\n')), text: part.slice(part.indexOf('\n') + 1) }));
}

/** A stream that keeps what is written to it. */
export function sink(): Stream & { text: () => string; writes: string[] } {
  const writes: string[] = [];
  return {
    writes,
    text: () => writes.join(''),
    write: async (bytes) => {
      writes.push(Buffer.from(bytes).toString('latin1'));
      return bytes.length;
    },
  };
}

export async function runOurs(script: string, stdin = ''): Promise<Outcome & { stderr: string }> {
  const shell = new Shell({ fs: makeTree().fs, cwd: '/tmp', env: { HOME: '/home/user' } });
  const [stdout, stderr] = [sink(), sink()];
  const status = await shell.run(new Uint8Array(Buffer.from(script, 'latin1')), { stdin, stdout, stderr });
  return { stdout: stdout.text(), complains: stderr.text() !== '', status, stderr: stderr.text() };
}

export function runSystem(shell: string, script: string, stdin = ''): Outcome {
  const cwd = mkdtempSync(join(tmpdir(), 'sh-'));
  try {
    const done = spawnSync(shell, ['-c', Buffer.from(script, 'latin1').toString('latin1'), 'sh'], {
      cwd,
      input: stdin,
      encoding: 'latin1',
      env: { PATH: '/usr/bin:/bin', HOME: '/home/user', LC_ALL: 'C', TZ: 'UTC' },
    });
    return { stdout: done.stdout, complains: done.stderr !== '', status: done.status ?? 255 };
  } finally {
    rmSync(cwd, { recursive: true });
  }
}

export function isInstalled(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}
