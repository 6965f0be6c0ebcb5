// The process's standard streams as the shell's: read only when somebody asks, written as fast as the reader takes it.
import { KvmError } from '../kvm/index.ts';
import type { Stream } from '../sh/index.ts';

/** Standard input. Nothing is taken from it before a command reads. */
export function hostInput(): Stream {
  const { stdin } = process;
  let rest: Uint8Array = new Uint8Array(0);
  let hasEnded = false;
  stdin.once('end', () => {
    hasEnded = true;
  });
  stdin.once('error', () => {
    hasEnded = true;
  });
  const isTerminal = stdin.isTTY === true;
  return {
    isTerminal,
    async read(length, _position, cancel) {
      while (rest.length === 0 && !hasEnded) {
        const bytes: Buffer | null = stdin.read();
        if (bytes) rest = new Uint8Array(bytes);
        else await ready(cancel?.signal);
      }
      const some = rest.subarray(0, length);
      rest = rest.subarray(some.length);
      return some;
    },
  };
}

/** Waits until there is something to read, or the end, or a signal. */
function ready(signal: AbortSignal | undefined): Promise<void> {
  const { stdin } = process;
  return new Promise((resolve, reject) => {
    const finish = (done: () => void) => (): void => {
      stdin.off('readable', go);
      stdin.off('end', go);
      stdin.off('error', go);
      signal?.removeEventListener('abort', stop);
      done();
    };
    const go = finish(resolve);
    const stop = finish(() =>
      reject(new KvmError('EINTR', 'a signal came while standard input was read; read again.')),
    );
    if (signal?.aborted) {
      stop();
      return;
    }
    stdin.on('readable', go);
    stdin.on('end', go);
    stdin.on('error', go);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** Standard output or error. EPIPE once nobody reads it. */
export function hostOutput(output: NodeJS.WriteStream): Stream {
  let isGone = false;
  output.on('error', () => {
    isGone = true;
  });
  return {
    isTerminal: output.isTTY === true,
    async write(bytes) {
      const gone = await new Promise<boolean>((resolve) => {
        if (isGone) resolve(true);
        else output.write(bytes, (error) => resolve(error !== null && error !== undefined));
      });
      if (gone) throw new KvmError('EPIPE', 'nobody reads this output any more.');
      return bytes.length;
    },
  };
}
