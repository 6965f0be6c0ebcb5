// File descriptors: small numbers for open files, and how long an open file lives. It knows no kind of file.

import { KvmError } from '../abi/index.ts';

/**
 * What an fd stands for. It lives as long as somebody holds it: an fd, a mapping, or another open file (a vCPU holds
 * its VM), as struct file does on Linux.
 */
export abstract class OpenFile {
  #holders = 0;

  /** One more holder. */
  hold(): this {
    this.#holders++;
    return this;
  }

  /** One holder less; the last one closes the file. */
  release(): void {
    this.#holders--;
    if (this.#holders === 0) this.closed();
  }

  /** Called once, when nobody holds the file any more. */
  protected closed(): void {
    // Most files leave nothing behind.
  }
}

/** Soft limit of open fds, as RLIMIT_NOFILE is on most systems. */
export const OPEN_FILES_MAX = 1024;

/** The fds of one process; 0, 1 and 2 belong to its standard streams. */
export class FdTable {
  readonly #files: (OpenFile | undefined)[] = [];
  readonly #first = 3;

  /** The lowest free fd for `file`, which it holds. EMFILE when all are taken. */
  open(file: OpenFile): number {
    let fd = this.#first;
    while (this.#files[fd] !== undefined) fd++;
    if (fd >= OPEN_FILES_MAX) {
      throw new KvmError('EMFILE', `all ${OPEN_FILES_MAX} file descriptors are open; close some first.`);
    }
    this.#files[fd] = file.hold();
    return fd;
  }

  /** The file behind `fd`. EBADF. */
  get(fd: number): OpenFile {
    const file = this.#files[fd];
    if (!file) throw new KvmError('EBADF', `file descriptor ${fd} is not open.`);
    return file;
  }

  /** The file behind `fd`, if it is open. */
  find(fd: number): OpenFile | undefined {
    return this.#files[fd];
  }

  /** Closes `fd`. EBADF. */
  close(fd: number): void {
    const file = this.get(fd);
    this.#files[fd] = undefined;
    file.release();
  }

  /** Closes every fd, as the end of a process does. */
  closeAll(): void {
    this.#files.forEach((file, fd) => {
      if (file) this.close(fd);
    });
  }
}
