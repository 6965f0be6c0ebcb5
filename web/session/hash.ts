// The hash by which two machines are compared: SHA-256 of its memory, the same in a page and in Node.

import { clearDerived, type Vm } from '../kvm/index.ts';

/**
 * SHA-256 of all bytes of a machine's memory but those that only tell how it was executed (clearDerived), as lower-case hexadecimal.
 * Two runs of the deterministic engine with the same core, options, seed and input that ended by themselves give the same,
 * whatever was compiled. The vCPUs must stand and the console must have been read. Needs as much memory again.
 */
export async function machineHash({ memory }: Vm): Promise<string> {
  const { buffer } = memory.wasm;
  let copy: Uint8Array<ArrayBuffer>;
  try {
    copy = new Uint8Array(buffer.byteLength);
  } catch {
    const mib = Math.ceil(buffer.byteLength / 2 ** 20);
    throw new Error(`The memory cannot be hashed: a copy of ${mib} MiB does not fit; give the machine less.`);
  }
  copy.set(new Uint8Array(buffer));
  clearDerived(memory, copy);
  // Pages that no secure context serves have no WebCrypto.
  if (globalThis.crypto?.subtle === undefined)
    throw new Error(
      'The memory cannot be hashed: this page has no WebCrypto; open it by HTTPS or localhost.',
    );
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', copy));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
