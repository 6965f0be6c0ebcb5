// Frames that a Linux kernel has sent: what is read out of them, and that what we write is what it wrote.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ARP, arpFrame, parseArp } from '../../../web/net/wire/arp.ts';
import { formatMac, readMac } from '../../../web/net/wire/ethernet.ts';
import { echoMessage, ICMP, parseEcho } from '../../../web/net/wire/icmp.ts';
import { formatIp, type Ipv4Packet, PROTOCOL, parseIpv4 } from '../../../web/net/wire/ipv4.ts';
import { hasGoodChecksum } from '../../../web/net/wire/offload.ts';
import { parseTcp, TCP } from '../../../web/net/wire/tcp.ts';
import { parseUdp, udpPayload } from '../../../web/net/wire/udp.ts';

const captured: Record<string, string> = JSON.parse(readFileSync('test/fixtures/net/linux.json', 'utf8'));
const frameOf = (name: string) => Uint8Array.from(Buffer.from(captured[name] ?? '', 'hex'));
const packetOf = (name: string) => parseIpv4(frameOf(name)) as Ipv4Packet;

describe("Linux's own", () => {
  test('ARP request is read, and written alike but for the padding', () => {
    const packet = parseArp(frameOf('arp'));
    expect(packet && [packet.operation, formatIp(packet.sender), formatIp(packet.target)]).toEqual([
      ARP.REQUEST,
      '10.99.9.1',
      '10.99.9.2',
    ]);
    expect(packet && arpFrame(packet).subarray(0, 42)).toEqual(frameOf('arp'));
  });

  test('addresses of a frame are read', () => {
    expect(formatMac(readMac(frameOf('echo'), 0))).toBe('52:54:00:00:00:02');
  });

  test('echo request is read, and written alike', () => {
    const { payload, protocol } = packetOf('echo');
    const echo = parseEcho(payload);
    expect(protocol).toBe(PROTOCOL.ICMP);
    expect(echo).toMatchObject({ type: ICMP.ECHO_REQUEST, id: 7, sequence: 1 });
    expect(echo && echoMessage(echo)).toEqual(payload);
  });

  test('datagram of an odd length is read, and written alike', () => {
    const { payload, source, destination } = packetOf('datagram');
    const datagram = parseUdp(payload, source, destination);
    expect(datagram?.destinationPort).toBe(53);
    expect(datagram && udpPayload(datagram, source, destination)).toEqual(payload);
  });

  test('SYN is read with its options', () => {
    const { payload, source, destination } = packetOf('syn');
    expect(parseTcp(payload, source, destination)).toMatchObject({
      destinationPort: 80,
      flags: TCP.SYN,
      mss: 1460,
      scale: 10,
    });
  });

  test.each(['datagram', 'syn'])('%s has a right checksum, and none with any bit changed', (name) => {
    expect(hasGoodChecksum(frameOf(name))).toBe(true);
    const frame = frameOf(name);
    for (let bit = 34 * 8; bit < frame.length * 8; bit += 13) {
      const changed = frame.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const parsed = parseIpv4(changed);
      const isRead =
        parsed && (name === 'syn' ? parseTcp : parseUdp)(parsed.payload, parsed.source, parsed.destination);
      expect(isRead).toBe(undefined);
    }
  });

  test.each(['echo', 'datagram', 'syn'])('%s cut anywhere is no packet', (name) => {
    const frame = frameOf(name);
    for (let length = 0; length < frame.length; length += 1)
      expect(parseIpv4(frame.subarray(0, length))).toBe(undefined);
  });
});
