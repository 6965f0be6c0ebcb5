// Opening by name, and redirections (POSIX XCU 2.7): what they change in a table of descriptors, and how it is undone.

import type { OpenFlags } from '../../fs/fs.ts';
import { O_CREAT, O_EXCL, O_RDWR, O_TRUNC, O_WRONLY, S_IFMT, S_IFREG } from '../../fs/node.ts';
import { isKvmError, KvmError } from '../../kvm/abi/errno.ts';
import { decodeText, toBytes } from '../bytes.ts';
import type { Redirect } from '../syntax/ast.ts';
import { bytesStream } from '../utilities/call.ts';
import { Description } from './descriptors.ts';
import type { State } from './state.ts';

/** A redirection that cannot be made; the command is not run and its status is 2. */
export class RedirectFault extends Error {}

const STANDARD: Record<string, number> = { '/dev/stdin': 0, '/dev/stdout': 1, '/dev/stderr': 2 };

/** Opens a path of the tree, or a descriptor by its name in /dev. */
export async function openPath(state: State, path: string, flags: OpenFlags): Promise<Description> {
  const absolute = state.resolve(path);
  const fd = STANDARD[absolute] ?? /^\/dev\/fd\/([0-9]+)$/.exec(absolute)?.[1];
  if (fd !== undefined) {
    const description = state.fds.get(Number(fd));
    if (!description) throw new KvmError('ENOENT', `descriptor ${fd} is not open.`);
    return description.share();
  }
  // A slash at the end asks for a directory; the tree judges it.
  const name = path.endsWith('/') ? `${absolute}/` : absolute;
  return new Description(await state.kernel.fs.open(decodeText(name), flags, 0o666 & ~state.umask));
}

/** `>` under `set -C`: an existing regular file is refused. */
async function openUnlessThere(state: State, path: string): Promise<Description> {
  const found = await state.kernel.fs.stat(decodeText(state.resolve(path))).catch(() => undefined);
  if (found && (found.mode & S_IFMT) === S_IFREG)
    throw new KvmError('EEXIST', 'set -C is on; use >| to write over it.');
  return await openPath(state, path, found ? 'w' : O_WRONLY | O_CREAT | O_EXCL);
}

async function openTarget(state: State, { operator }: Redirect, target: string): Promise<Description> {
  switch (operator) {
    case '<':
      return await openPath(state, target, 'r');
    case '<>':
      return await openPath(state, target, O_RDWR | O_CREAT);
    case '>>':
      return await openPath(state, target, 'a');
    case '>':
      if (state.options.has('C')) return await openUnlessThere(state, target);
      return await openPath(state, target, O_WRONLY | O_CREAT | O_TRUNC);
    case '>|':
      return await openPath(state, target, O_WRONLY | O_CREAT | O_TRUNC);
    case '<<<':
      return new Description(bytesStream(toBytes(`${target}\n`)));
    default:
      return new Description(bytesStream(toBytes(target)));
  }
}

/** What a redirection puts in its place; undefined closes it. `target` has been expanded. */
async function descriptionFor(
  state: State,
  redirect: Redirect,
  target: string,
): Promise<Description | undefined> {
  if (redirect.operator !== '<&' && redirect.operator !== '>&') {
    try {
      return await openTarget(state, redirect, target);
    } catch (error) {
      if (!isKvmError(error)) throw error;
      const verb = redirect.operator === '<' ? 'open' : 'create';
      throw new RedirectFault(`cannot ${verb} ${decodeText(target)}: ${error.message}`);
    }
  }
  if (target === '-') return undefined;
  if (!/^[0-9]+$/.test(target)) throw new RedirectFault(`${decodeText(target)}: Bad fd number`);
  const description = state.fds.get(Number(target));
  if (!description) throw new RedirectFault(`${target}: EBADF: this descriptor is not open.`);
  return description.share();
}

/** Descriptors as they were before some redirections. */
export class Undo {
  readonly #state: State;
  readonly #saved: { fd: number; old: Description | undefined }[] = [];

  constructor(state: State) {
    this.#state = state;
  }

  /** Makes one more redirection. Throws RedirectFault. */
  async redirect(redirect: Redirect, target: string): Promise<void> {
    const description = await descriptionFor(this.#state, redirect, target);
    this.#saved.push({ fd: redirect.fd, old: this.#state.fds.replace(redirect.fd, description) });
  }

  /** Puts the old ones back and closes the new ones. */
  async restore(): Promise<void> {
    for (let one = this.#saved.pop(); one; one = this.#saved.pop()) {
      const closing = this.#state.fds.replace(one.fd, one.old)?.release();
      if (closing) await closing;
    }
  }

  /** Keeps the new ones for good (`exec`) and closes the old. */
  async keep(): Promise<void> {
    for (const { old } of this.#saved.splice(0)) {
      const closing = old?.release();
      if (closing) await closing;
    }
  }
}
