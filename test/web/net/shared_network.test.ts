// Networks of one name in several tabs: each has a DHCP server, and no address is given twice.
import { describe, expect, test } from 'vitest';
import type { Uplink } from '../../../web/net/broadcast_uplink.ts';
import { PLAN } from '../../../web/net/gateway/plan.ts';
import { Station } from '../../../web/net/gateway/station.ts';
import { FrameListeners } from '../../../web/net/link.ts';
import { Network } from '../../../web/net/network.ts';
import { DHCP, DHCP_OPTION, dhcpMessage, numberBytes, parseDhcp } from '../../../web/net/wire/dhcp.ts';
import { ETHERNET_HEADER } from '../../../web/net/wire/ethernet.ts';
import { formatIp, IP_BROADCAST, PROTOCOL } from '../../../web/net/wire/ipv4.ts';
import { parseUdp, udpPayload } from '../../../web/net/wire/udp.ts';
import { TestClock } from './helpers.ts';

/** Two Ethernet addresses for which the same IPv4 address is looked at first. */
const MAC = 0x525400000001;
const LIKE_IT = 0x525401000001;

/** Tabs on one medium, in time that the test moves. */
function tabs(count: number) {
  const clock = new TestClock();
  const uplinks: FrameListeners[] = [];
  const uplink = (): Uplink => {
    const own = new FrameListeners();
    uplinks.push(own);
    return {
      send: (frame) =>
        clock.after(1, () => {
          for (const one of uplinks) if (one !== own) one.emit(frame);
        }),
      onFrame: (listener) => own.add(listener),
      close: () => {},
    };
  };
  const networks = Array.from({ length: count }, (_, n) => {
    const place = { clock, host: {}, random: () => 100 + n };
    return new Network({ name: 'lan' }, place, uplink());
  });
  return { clock, networks };
}

/** A machine that asks for an address and answers nobody; `say` sends a message, `got` are the answers. */
function machine(network: Network, clock: TestClock, mac: number) {
  const got: string[] = [];
  const station = new Station(network.attach(), {
    clock,
    mac,
    addresses: [],
    received({ source, destination, payload }) {
      const message = parseDhcp(parseUdp(payload, source, destination)?.data ?? new Uint8Array());
      if (message?.mac !== mac) return;
      got.push(`${message.options.get(DHCP_OPTION.TYPE)?.[0]} ${formatIp(message.yours)}`);
    },
  });
  const say = (type: number, address?: number) => {
    const options = new Map([[DHCP_OPTION.TYPE as number, Uint8Array.of(type)]]);
    if (address !== undefined) options.set(DHCP_OPTION.REQUESTED, Uint8Array.from(numberBytes(address)));
    const data = dhcpMessage({
      ...{ operation: 1, transaction: 9, wantsBroadcast: true, client: 0, yours: 0 },
      ...{ mac, options },
    });
    const payload = udpPayload({ sourcePort: 68, destinationPort: 67, data }, 0, IP_BROADCAST);
    station.send(0, IP_BROADCAST, PROTOCOL.UDP, payload);
  };
  return { got, say };
}

/** Where the search for an address begins. */
const FIRST = PLAN.FIRST_SHARED + (40_503 % (PLAN.LAST_SHARED - PLAN.FIRST_SHARED + 1));
const offer = (ip: number) => `${DHCP.OFFER} ${formatIp(ip)}`;

describe('the servers of two tabs', () => {
  const pair = () => {
    const { clock, networks } = tabs(2);
    const [first, second] = networks as [Network, Network];
    return { clock, networks, one: machine(first, clock, MAC), two: machine(second, clock, LIKE_IT) };
  };

  test('give two machines that ask at once two addresses', () => {
    const { clock, one, two } = pair();
    one.say(DHCP.DISCOVER);
    two.say(DHCP.DISCOVER);
    clock.run(1000);
    expect([...one.got, ...two.got].sort()).toEqual([offer(FIRST), offer(FIRST + 1)]);
  });

  test('never give the address of a machine that sleeps', () => {
    const { clock, one, two } = pair();
    one.say(DHCP.DISCOVER);
    clock.run(1000);
    two.say(DHCP.DISCOVER);
    clock.run(1000);
    expect([one.got, two.got]).toEqual([[offer(FIRST)], [offer(FIRST + 1)]]);
  });

  test('leave no machine an address from before that another one has got meanwhile', () => {
    const { clock, one, two } = pair();
    one.say(DHCP.DISCOVER);
    clock.run(1000);
    two.say(DHCP.REQUEST, FIRST);
    two.say(DHCP.REQUEST, FIRST + 7);
    clock.run(1000);
    expect(two.got.sort()).toEqual([`${DHCP.ACK} ${formatIp(FIRST + 7)}`, `${DHCP.NAK} 0.0.0.0`]);
  });

  test('tell a machine that asks itself whether its address is taken nothing but its own', () => {
    const { clock, networks, one } = pair();
    one.say(DHCP.DISCOVER);
    clock.run(1000);
    let taken: boolean | undefined;
    const asking = new Station(networks[0]?.attach() as never, {
      ...{ clock, mac: MAC, addresses: [], received: () => {} },
    });
    asking.probe(FIRST, 200, (isTaken) => {
      taken = isTaken;
    });
    clock.run(1000);
    expect(taken).toBe(false);
  });
});

test('a report says who is on the network, here and in other tabs, and what was moved', () => {
  const { clock, networks } = tabs(2);
  const [first, second] = networks as [Network, Network];
  const one = machine(first, clock, MAC);
  one.say(DHCP.DISCOVER);
  clock.run(1000);
  one.say(DHCP.REQUEST, FIRST);
  clock.run(1000);
  // Whoever comes later hears of those who were there.
  machine(second, clock, LIKE_IT).say(DHCP.DISCOVER);
  clock.run(1000);
  const who = (network: Network) =>
    network.report().stations.map(({ ip, mac, at, isLeased }) => [ip, mac.slice(0, 8), at, isLeased]);
  const gateway = ['10.0.2.2', '52:55:0a', 'local', false];
  const [mine, other] = [formatIp(FIRST), formatIp(FIRST + 1)];
  expect(who(first)).toEqual([
    gateway,
    [mine, '52:54:00', 'station', true],
    [undefined, '52:54:01', 'uplink', false],
  ]);
  expect(who(second)).toEqual([
    gateway,
    [mine, '52:54:00', 'uplink', false],
    [other, '52:54:01', 'station', true],
  ]);
  const [uplink, , , cable] = first.switch.ports;
  const frame = ETHERNET_HEADER + 28;
  expect(uplink?.counters.receivedBytes).toBeGreaterThanOrEqual(frame);
  const { ports } = first.report();
  expect(ports.map(({ kind }) => kind)).toEqual(['uplink', 'local', 'station']);
  expect(ports[2]).toMatchObject({ received: 2, receivedBytes: cable?.counters.receivedBytes, dropped: 0 });
});
