// Checksums on behalf of a network card: completing one that a driver has left open, and saying that a frame's is right.
import { foldSum, get16, get32, set16, sumWords } from './bytes.ts';
import { ETHERNET_HEADER, ETHERTYPE } from './ethernet.ts';
import { PROTOCOL, pseudoSum } from './ipv4.ts';

/**
 * Completes a checksum in place: what stands at `start + offset` is the sum of the pseudo header, the sum over all from
 * `start` on goes there (VIRTIO 1.2, 5.1.6.2.1). False when that lies outside of the frame.
 */
export function completeChecksum(frame: Uint8Array, start: number, offset: number): boolean {
  if (start + offset + 2 > frame.length) return false;
  const sum = foldSum(sumWords(frame.subarray(start), 0));
  // In UDP 0 means that there is no checksum; in TCP both are the same number.
  set16(frame, start + offset, sum || 0xffff);
  return true;
}

/** True when the frame is TCP or UDP in IPv4, no fragment, and its checksum is right. */
export function hasGoodChecksum(frame: Uint8Array): boolean {
  const at = ETHERNET_HEADER;
  const header = ((frame[at] ?? 0) & 15) * 4;
  const total = get16(frame, at + 2);
  if (get16(frame, 12) !== ETHERTYPE.IPV4 || (frame[at] ?? 0) >> 4 !== 4 || at + total > frame.length)
    return false;
  if ((get16(frame, at + 6) & 0x3fff) !== 0 || header < 20 || total < header + 8) return false;
  const protocol = frame[at + 9] ?? 0;
  if (protocol !== PROTOCOL.TCP && protocol !== PROTOCOL.UDP) return false;
  if (protocol === PROTOCOL.UDP && get16(frame, at + header + 6) === 0) return false;
  const start = pseudoSum(get32(frame, at + 12), get32(frame, at + 16), protocol, total - header);
  return foldSum(sumWords(frame.subarray(at + header, at + total), start)) === 0;
}
