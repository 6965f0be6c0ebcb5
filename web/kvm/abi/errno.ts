// Linux errno numbers and KvmError, the one error that the API throws. It knows no files, streams or calls.

/** Linux errno numbers on x86 (asm-generic/errno-base.h and errno.h), as far as this project answers with them. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  ENOEXEC: 8,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EMLINK: 31,
  EPIPE: 32,
  ERANGE: 34,
  EDEADLK: 35,
  ENAMETOOLONG: 36,
  ENOLCK: 37,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EOVERFLOW: 75,
  EILSEQ: 84,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENOBUFS: 105,
  ESHUTDOWN: 108,
  ETIMEDOUT: 110,
  ESTALE: 116,
  ECANCELED: 125,
} as const;

/** The name of an errno, e.g. 'EINVAL'. */
export type ErrnoName = keyof typeof ERRNO;

/** A refused call: the errno Linux would give, and one sentence saying what is wrong and how to mend it. */
export class KvmError extends Error {
  override readonly name = 'KvmError';
  /** The errno's name, e.g. 'EINVAL'. */
  readonly code: ErrnoName;
  /** The errno's number, positive, e.g. 22; an ioctl door returns it negated. */
  readonly errno: number;

  constructor(code: ErrnoName, sentence: string) {
    super(`${code}: ${sentence}`);
    this.code = code;
    this.errno = ERRNO[code];
  }
}

/** True when `error` is a KvmError, and, if `code` is given, one with that errno. */
export function isKvmError(error: unknown, code?: ErrnoName): error is KvmError {
  return error instanceof KvmError && (code === undefined || error.code === code);
}
