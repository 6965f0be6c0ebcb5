// Output of the shell's own commands, and quoting as they print it.

import { isKvmError } from '../../kvm/abi/errno.ts';
import { toBytes } from '../bytes.ts';
import type { Interpreter } from '../run/interpreter.ts';
import { SIGPIPE } from '../run/process.ts';
import { ShellError } from '../run/variables.ts';

/** Writes a byte string to standard output in one call. */
export async function print(shell: Interpreter, text: string): Promise<void> {
  if (text === '') return;
  const description = shell.state.fds.get(1);
  if (!description) throw new ShellError('write error: standard output is closed', 1);
  try {
    await description.write(toBytes(text), { signal: shell.process.signal });
  } catch (error) {
    if (isKvmError(error, 'EPIPE')) shell.process.deliver(SIGPIPE);
    shell.process.check();
    if (!isKvmError(error)) throw error;
    throw new ShellError(`write error: ${error.message}`, 1);
  }
}

/** A text in single quotes, so that the shell reads it back as it is. */
export function quoteForShell(text: string): string {
  if (text === '') return "''";
  return text
    .split(/('+)/)
    .filter((part) => part !== '')
    .map((part) => (part.startsWith("'") ? `"${part}"` : `'${part}'`))
    .join('');
}
