// ARP for IPv4 on Ethernet (RFC 826): its 28 bytes. Who answers is not decided here.
import { get16, get32, set16, set32 } from './bytes.ts';
import { BROADCAST, ETHERNET_HEADER, ETHERTYPE, ethernetFrame, readMac, writeMac } from './ethernet.ts';

/** ARP operations. */
export const ARP = { REQUEST: 1, REPLY: 2 } as const;

/** One ARP packet: `operation` of ARP, and the hardware and IPv4 addresses of both sides. */
export interface ArpPacket {
  operation: number;
  senderMac: number;
  sender: number;
  targetMac: number;
  target: number;
}

/** The packet in an ARP frame, or undefined when it is not for IPv4 on Ethernet. */
export function parseArp(frame: Uint8Array): ArpPacket | undefined {
  const at = ETHERNET_HEADER;
  if (frame.length < at + 28 || get32(frame, at) !== 0x00010800 || get16(frame, at + 4) !== 0x0604) return;
  return {
    operation: get16(frame, at + 6),
    senderMac: readMac(frame, at + 8),
    sender: get32(frame, at + 14),
    targetMac: readMac(frame, at + 18),
    target: get32(frame, at + 24),
  };
}

/** The frame of a packet; requests go to all. */
export function arpFrame(packet: ArpPacket): Uint8Array {
  const at = ETHERNET_HEADER;
  const to = packet.operation === ARP.REQUEST ? BROADCAST : packet.targetMac;
  const frame = ethernetFrame(to, packet.senderMac, ETHERTYPE.ARP, 28);
  set32(frame, at, 0x00010800);
  set16(frame, at + 4, 0x0604);
  set16(frame, at + 6, packet.operation);
  writeMac(frame, at + 8, packet.senderMac);
  set32(frame, at + 14, packet.sender);
  writeMac(frame, at + 18, packet.targetMac);
  set32(frame, at + 24, packet.target);
  return frame;
}
