// How loading fails: one error class for all loaders.

/**
 * A file that cannot be loaded. `code`: ENOEXEC for bytes that are not what they should be, ENOMEM for what does not fit
 * the guest's memory, EINVAL for a wrong request. The message is one sentence for a person.
 */
export class LoadError extends Error {
  override readonly name = 'LoadError';
  readonly code: 'ENOEXEC' | 'ENOMEM' | 'EINVAL';
  constructor(code: 'ENOEXEC' | 'ENOMEM' | 'EINVAL', message: string) {
    super(message);
    this.code = code;
  }
}
