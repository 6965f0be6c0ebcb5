// The hash by which two machines are compared: SHA-256 of a machine's memory, the same in a page and in Node. No machine here.

/**
 * SHA-256 of all bytes of a machine's memory, as lower-case hexadecimal. Two runs of the deterministic engine with the
 * same core, options, seed and input that ended by themselves give the same. The vCPUs must stand and the console must
 * have been read. Needs as much memory again, since WebCrypto reads no shared memory.
 */
export async function memoryHash(memory: ArrayBufferLike): Promise<string> {
  let copy: Uint8Array<ArrayBuffer>;
  try {
    copy = new Uint8Array(memory.byteLength);
  } catch {
    const mib = Math.ceil(memory.byteLength / 2 ** 20);
    throw new Error(`The memory cannot be hashed: a copy of ${mib} MiB does not fit; give the machine less.`);
  }
  copy.set(new Uint8Array(memory));
  // Pages that no secure context serves have no WebCrypto.
  if (globalThis.crypto?.subtle === undefined)
    throw new Error(
      'The memory cannot be hashed: this page has no WebCrypto; open it by HTTPS or localhost.',
    );
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', copy));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
