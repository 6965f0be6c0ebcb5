// The benchmark's guest: a multiboot 1 kernel of a few bytes that both machines load unchanged. Bytes only.

/** Instructions of the loop below, for each count. */
export const LOOP_INSTRUCTIONS = 4;
/** Where the image lies in guest memory, in bytes. */
const LOAD_ADDRESS = 0x100000;
const HEADER_BYTES = 32;

/**
 * A 32-bit kernel that counts to `count` in a four-instruction loop and then writes 0 to `exitPort`:
 *
 *     xor eax, eax ; xor ebx, ebx ; mov ecx, count
 *     next: inc eax ; add ebx, eax ; cmp eax, ecx ; jne next
 *     xor eax, eax ; out exitPort, al ; cli ; hlt
 */
export function makeCountingKernel(count, exitPort) {
  return makeKernel([
    ...[0x31, 0xc0, 0x31, 0xdb, 0xb9, ...new Uint8Array(new Uint32Array([count]).buffer)],
    ...[0x40, 0x01, 0xc3, 0x39, 0xc8, 0x75, 0xf9],
    ...[0x31, 0xc0, 0xe6, exitPort, 0xfa, 0xf4],
  ]);
}

/**
 * A 32-bit kernel that writes 16 MiB from 0x400000 on word by word, `rounds` times, and then writes 0 to `exitPort`:
 *
 *     mov ecx, rounds
 *     again: mov edi, 0x400000
 *     next: mov [edi], ecx ; add edi, 4 ; cmp edi, 0x1400000 ; jne next
 *     dec ecx ; jne again
 *     xor eax, eax ; out exitPort, al ; cli ; hlt
 */
export function makeStoringKernel(rounds, exitPort) {
  return makeKernel([
    ...[0xb9, ...new Uint8Array(new Uint32Array([rounds]).buffer)],
    ...[0xbf, 0x00, 0x00, 0x40, 0x00],
    ...[0x89, 0x0f, 0x83, 0xc7, 0x04, 0x81, 0xff, 0x00, 0x00, 0x40, 0x01, 0x75, 0xf3],
    ...[0x49, 0x75, 0xeb],
    ...[0x31, 0xc0, 0xe6, exitPort, 0xfa, 0xf4],
  ]);
}

/** A Multiboot 1 image of 32-bit code that starts at its first byte. */
function makeKernel(code) {
  const image = new Uint8Array(HEADER_BYTES + code.length);
  const header = new DataView(image.buffer);
  const end = LOAD_ADDRESS + image.length;
  const magic = 0x1badb002;
  const flags = 0x10000; // the address fields below are valid
  const fields = [
    magic,
    flags,
    -(magic + flags),
    LOAD_ADDRESS,
    LOAD_ADDRESS,
    end,
    end,
    LOAD_ADDRESS + HEADER_BYTES,
  ];
  for (const [index, value] of fields.entries()) header.setUint32(index * 4, value >>> 0, true);
  image.set(code, HEADER_BYTES);
  return image;
}
