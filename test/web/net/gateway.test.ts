// The gateway as a machine on the switch meets it: a scripted station asks, a host that is made up answers.
import { describe, expect, test } from 'vitest';
import { Gateway, type GatewayOptions } from '../../../web/net/gateway/gateway.ts';
import type { HostNetwork, WebRequest } from '../../../web/net/gateway/host.ts';
import { PLAN } from '../../../web/net/gateway/plan.ts';
import { Station } from '../../../web/net/gateway/station.ts';
import type { ByteStream, StreamEvents } from '../../../web/net/stream.ts';
import { Switch } from '../../../web/net/switch.ts';
import { type Endpoint, TcpStack } from '../../../web/net/tcp/stack.ts';
import {
  DHCP,
  DHCP_OPTION,
  type DhcpMessage,
  dhcpMessage,
  numberBytes,
  parseDhcp,
} from '../../../web/net/wire/dhcp.ts';
import { DNS_TYPE, dnsQuery, parseDnsAnswer, RCODE } from '../../../web/net/wire/dns.ts';
import { echoMessage, ICMP, UNREACHABLE } from '../../../web/net/wire/icmp.ts';
import { formatIp, IP_BROADCAST, type Ipv4Packet, PROTOCOL, parseIp } from '../../../web/net/wire/ipv4.ts';
import { parseUdp, udpPayload } from '../../../web/net/wire/udp.ts';
import { TestClock } from './helpers.ts';

const ip = (text: string) => parseIp(text) as number;

/** A switch with a gateway, in time that the test moves. */
function network(host: HostNetwork = {}, options: Partial<GatewayOptions> = {}) {
  const clock = new TestClock();
  const hub = new Switch({ clock });
  const gateway = new Gateway(hub.attach('local'), { clock, host, random: () => 77, ...options });
  let count = 0;
  /** A machine with a fixed address: what it is sent, and what it may say. */
  const machine = (address = '10.0.2.15') => {
    count += 1;
    const mac = 0x525400000000 + count;
    const packets: Ipv4Packet[] = [];
    const tcp = new TcpStack({
      clock,
      random: () => 1000,
      send: (...packet) => sendVia(...packet),
      asked: (connection) => connection.accept(),
    });
    const station = new Station(hub.attach(), {
      clock,
      mac,
      addresses: [ip(address)],
      received(packet) {
        packets.push(packet);
        if (packet.protocol === PROTOCOL.TCP) tcp.receive(packet.source, packet.destination, packet.payload);
      },
    });
    const sendVia = (source: number, to: number, protocol: number, payload: Uint8Array) =>
      station.sendTo(PLAN.MAC, source, to, protocol, payload);
    const udp = (to: string, port: number, data: Uint8Array, source = address) => {
      packets.length = 0;
      const datagram = { sourcePort: 4000, destinationPort: port, data };
      sendVia(ip(source), ip(to), PROTOCOL.UDP, udpPayload(datagram, ip(source), ip(to)));
      clock.run(1000);
      return packets.map(({ payload, source: from, destination }) => parseUdp(payload, from, destination));
    };
    const connect = (to: string, port: number) => {
      const stream = tcp.connect({ ip: ip(address), port: 5000 + count }, { ip: ip(to), port });
      return { stream, ...record(stream) };
    };
    return { mac, packets, station, sendVia, udp, connect };
  };
  return { clock, gateway, machine };
}

function record(stream: ByteStream) {
  const log: string[] = [];
  stream.listen({
    data: (bytes) => log.push(new TextDecoder().decode(bytes)),
    end: () => log.push('<end>'),
    drain: () => {},
    closed: (error) => log.push(error ?? '<closed>'),
  });
  return { log };
}

/** A host's connection that a test plays. */
class FakeStream implements ByteStream {
  events: StreamEvents | undefined;
  opened: () => void = () => {};
  readonly log: string[] = [];
  listen(events: StreamEvents) {
    this.events = events;
  }
  onOpen(opened: () => void) {
    this.opened = opened;
  }
  write(bytes: Uint8Array) {
    this.log.push(new TextDecoder().decode(bytes));
    return true;
  }
  end() {
    this.log.push('<end>');
  }
  reset() {
    this.log.push('<reset>');
    this.events?.closed();
  }
  pause() {}
  resume() {}
}

const text = (words: string) => new TextEncoder().encode(words);

describe('echoes', () => {
  const ping = (to: string) => {
    const { clock, machine } = network();
    const one = machine();
    const echo = echoMessage({ type: ICMP.ECHO_REQUEST, id: 7, sequence: 1, data: text('abc') });
    one.sendVia(ip('10.0.2.15'), ip(to), PROTOCOL.ICMP, echo);
    clock.run(100);
    return one.packets.map(({ source, payload }) => [formatIp(source), payload[0], payload[1]]);
  };

  test('to the gateway and its name server are answered', () => {
    expect(ping('10.0.2.2')).toEqual([['10.0.2.2', ICMP.ECHO_REPLY, 0]]);
    expect(ping('10.0.2.3')).toEqual([['10.0.2.3', ICMP.ECHO_REPLY, 0]]);
  });

  test('to the outer world are refused in so many words', () => {
    expect(ping('8.8.8.8')).toEqual([['10.0.2.2', ICMP.UNREACHABLE, UNREACHABLE.PROHIBITED]]);
  });
});

describe('DHCP', () => {
  /** A client that sends one message and returns the answers. */
  const client = (net = network(), mac = 0x525400aabb01) => {
    const { clock } = net;
    const seat = net.machine('0.0.0.0');
    return (type: number, options: [number, Uint8Array][] = [], part: Partial<DhcpMessage> = {}) => {
      seat.packets.length = 0;
      const message = {
        operation: 1,
        transaction: 99,
        wantsBroadcast: true,
        client: 0,
        yours: 0,
        mac,
        options: new Map([[DHCP_OPTION.TYPE as number, Uint8Array.of(type)], ...options]),
        ...part,
      };
      const datagram = { sourcePort: 68, destinationPort: 67, data: dhcpMessage(message) };
      const payload = udpPayload(datagram, message.client, IP_BROADCAST);
      seat.station.send(message.client, IP_BROADCAST, PROTOCOL.UDP, payload);
      clock.run(1000);
      return seat.packets.map((packet) => {
        const data = parseUdp(packet.payload, packet.source, packet.destination)?.data as Uint8Array;
        const answer = parseDhcp(data) as DhcpMessage;
        const { yours } = answer;
        return `${answer.options.get(DHCP_OPTION.TYPE)?.[0]} ${formatIp(yours)} ${answer.transaction}`;
      });
    };
  };
  const requested = (address: string): [number, Uint8Array] => [
    DHCP_OPTION.REQUESTED,
    numberBytes(ip(address)),
  ];
  const server: [number, Uint8Array] = [DHCP_OPTION.SERVER, numberBytes(PLAN.GATEWAY)];

  test('an address is offered and then given, the same to the same machine', () => {
    const say = client();
    expect(say(DHCP.DISCOVER)).toEqual(['2 10.0.2.15 99']);
    expect(say(DHCP.REQUEST, [requested('10.0.2.15'), server])).toEqual(['5 10.0.2.15 99']);
    expect(say(DHCP.DISCOVER)).toEqual(['2 10.0.2.15 99']);
  });

  test('two machines have two addresses', () => {
    const net = network();
    client(net, 1)(DHCP.DISCOVER);
    expect(client(net, 2)(DHCP.DISCOVER)).toEqual(['2 10.0.2.16 99']);
  });

  test('a machine that wakes up with its old address may keep it, unless it is another one`s', () => {
    const net = network();
    expect(client(net, 1)(DHCP.REQUEST, [requested('10.0.2.40')])).toEqual(['5 10.0.2.40 99']);
    expect(client(net, 2)(DHCP.REQUEST, [requested('10.0.2.40')])).toEqual(['6 0.0.0.0 99']);
    expect(client(net, 2)(DHCP.REQUEST, [requested('192.168.1.5')])).toEqual(['6 0.0.0.0 99']);
  });

  test('a machine that renews says so from its own address', () => {
    const say = client();
    say(DHCP.DISCOVER);
    expect(say(DHCP.REQUEST, [], { client: ip('10.0.2.15') })).toEqual(['5 10.0.2.15 99']);
    expect(say(DHCP.REQUEST, [], { client: ip('10.0.2.16') })).toEqual(['6 0.0.0.0 99']);
  });

  test('a request to another server is not ours', () => {
    const other: [number, Uint8Array] = [DHCP_OPTION.SERVER, numberBytes(ip('10.0.2.9'))];
    expect(client()(DHCP.REQUEST, [requested('10.0.2.15'), other])).toEqual([]);
  });

  test('a declined address is not given again', () => {
    const say = client();
    say(DHCP.DISCOVER);
    say(DHCP.DECLINE, [requested('10.0.2.15'), server]);
    expect(say(DHCP.DISCOVER)).toEqual(['2 10.0.2.16 99']);
  });

  test('an address that somebody beyond the uplink has is passed over', () => {
    const probed: number[] = [];
    const net = network({}, { probe: (address, told) => told(probed.push(address) === 1) });
    const [answer] = client(net)(DHCP.DISCOVER);
    expect(probed).toEqual([probed[0], (probed[0] as number) + 1]);
    expect(answer).toBe(`2 ${formatIp(probed[1] as number)} 99`);
  });

  test('a full pool takes the address of the machine that came first', () => {
    const net = network();
    for (let mac = 1; mac <= 240; mac += 1) client(net, mac)(DHCP.DISCOVER);
    expect(client(net, 1000)(DHCP.DISCOVER)).toEqual(['2 10.0.2.15 99']);
  });

  test('the name of a machine leads to it, and is its own', () => {
    const net = network();
    const name: [number, Uint8Array] = [DHCP_OPTION.HOST_NAME, text('Web-1')];
    client(net, 1)(DHCP.DISCOVER, [name]);
    client(net, 2)(DHCP.DISCOVER, [name]);
    client(net, 3)(DHCP.DISCOVER, [[DHCP_OPTION.HOST_NAME, text('gateway')]]);
    expect(net.gateway.machines.map((lease) => lease.name)).toEqual(['web-1', undefined, undefined]);
  });
});

describe('names', () => {
  const asking = (host: HostNetwork = {}, options: Partial<GatewayOptions> = {}) => {
    const net = network(host, options);
    const one = net.machine();
    return async (name: string, type: number = DNS_TYPE.A) => {
      one.udp('10.0.2.3', 53, dnsQuery(5, name, type));
      await new Promise((resolve) => setTimeout(resolve));
      net.clock.run(10);
      const packet = one.packets.at(-1) as Ipv4Packet;
      const { data } = parseUdp(packet.payload, packet.source, packet.destination) ?? {};
      const answer = parseDnsAnswer(data as Uint8Array);
      return answer && { code: answer.code, addresses: answer.addresses.map(formatIp) };
    };
  };

  test('of the gateway are known, with the domain and without', async () => {
    const ask = asking();
    expect(await ask('gateway')).toEqual({ code: RCODE.OK, addresses: ['10.0.2.2'] });
    expect(await ask('Host.Vitrine')).toEqual({ code: RCODE.OK, addresses: ['10.0.2.2'] });
    expect(await ask('gateway', DNS_TYPE.AAAA)).toEqual({ code: RCODE.OK, addresses: [] });
  });

  test('of nobody do not exist, and other records are refused', async () => {
    const ask = asking();
    expect(await ask('nobody')).toEqual({ code: RCODE.NO_NAME, addresses: [] });
    expect(await ask('example.org', 16)).toEqual({ code: RCODE.REFUSED, addresses: [] });
  });

  test('of the world are what the host resolves', async () => {
    const ask = asking({
      resolve: async (name) => {
        if (name === 'broken.org') throw new Error('no resolver');
        return name === 'example.org' ? [1, 2] : undefined;
      },
    });
    expect(await ask('example.org')).toEqual({ code: RCODE.OK, addresses: ['0.0.0.1', '0.0.0.2'] });
    expect(await ask('nothing.org')).toEqual({ code: RCODE.NO_NAME, addresses: [] });
    expect(await ask('broken.org')).toEqual({ code: RCODE.SERVER_FAILURE, addresses: [] });
  });

  test("lead to the page's own files where a page was given", async () => {
    const fetch = () => Promise.reject(new Error('no'));
    const own = { page: 'http://localhost/' };
    expect(await asking({ fetch }, own)('page')).toEqual({ code: RCODE.OK, addresses: ['10.0.2.4'] });
    expect(await asking({ fetch })('page')).toEqual({ code: RCODE.NO_NAME, addresses: [] });
    expect(await asking({}, own)('page')).toEqual({ code: RCODE.NO_NAME, addresses: [] });
  });

  test('in a page lead to the gateway that fetches, if they have a dot', async () => {
    const ask = asking({ fetch: () => Promise.reject(new Error('no')) });
    expect(await ask('example.org')).toEqual({ code: RCODE.OK, addresses: ['10.0.2.4'] });
    expect(await ask('router')).toEqual({ code: RCODE.NO_NAME, addresses: [] });
  });
});

describe('TCP to the outer world', () => {
  const out = (options: Partial<GatewayOptions> = {}) => {
    const asked: string[] = [];
    const streams: FakeStream[] = [];
    const connect = (to: Endpoint) => {
      asked.push(`${formatIp(to.ip)}:${to.port}`);
      streams.push(new FakeStream());
      return streams.at(-1) as FakeStream;
    };
    return { ...network({ connect }, options), asked, streams };
  };

  test('is open for the machine when the host has opened it, and carries both ways', () => {
    const { clock, machine, asked, streams } = out();
    const { stream, log } = machine().connect('93.184.216.34', 80);
    stream.write(text('hello'));
    clock.run(500);
    expect([asked, streams[0]?.log]).toEqual([['93.184.216.34:80'], []]);
    streams[0]?.opened();
    clock.run(2000);
    streams[0]?.events?.data(text('there'));
    streams[0]?.events?.end();
    stream.end();
    clock.run(2000);
    expect(streams[0]?.log).toEqual(['hello', '<end>']);
    expect(log).toEqual(['there', '<end>', '<closed>']);
  });

  test('is refused for the machine when it is for the host', () => {
    const { clock, machine, streams } = out();
    const { log } = machine().connect('93.184.216.34', 80);
    clock.run(10);
    streams[0]?.events?.closed('ECONNREFUSED');
    clock.run(10);
    expect(log).toEqual(['The peer refuses the connection.']);
  });

  test.each(['10.0.2.2', '10.0.2.3', '127.0.0.1', '169.254.169.254', '10.0.77.1', '0.0.0.0', '224.0.0.1'])(
    'never reaches %s',
    (address) => {
      const { clock, machine, asked } = out();
      const { log } = machine().connect(address, 80);
      clock.run(10);
      expect([log, asked]).toEqual([['The peer refuses the connection.'], []]);
    },
  );

  test("reaches the host's loopback at the gateway's address only when that was asked for", () => {
    const { clock, machine, asked } = out({ hostLoopback: true });
    machine().connect('10.0.2.2', 8080);
    machine().connect('127.0.0.1', 8080);
    clock.run(10);
    expect(asked).toEqual(['127.0.0.1:8080']);
  });
});

test('a forwarded port of the host leads to the machine', async () => {
  let taken: (stream: ByteStream) => void = () => {};
  const listen: HostNetwork['listen'] = async (bind, port, take) => {
    expect([bind, port]).toEqual(['127.0.0.1', 8080]);
    taken = take;
    return () => {};
  };
  const { clock, gateway, machine } = network({ listen });
  const one = machine('10.0.2.15');
  await gateway.forward({ host: 8080, guest: 80 });
  const stream = new FakeStream();
  taken(stream);
  clock.run(3000);
  expect(one.packets.map(({ source }) => formatIp(source))).toContain('10.0.2.2');
  expect(gateway.connections).toBe(1);
  stream.events?.closed('gone');
  clock.run(100);
  expect(gateway.connections).toBe(0);
});

describe('UDP to the outer world', () => {
  const sent: string[] = [];
  let answer: (from: Endpoint, data: Uint8Array) => void = () => {};
  let closed = 0;
  const openDatagrams: HostNetwork['openDatagrams'] = (received) => {
    answer = received;
    return {
      send: (to, data) => sent.push(`${formatIp(to.ip)}:${to.port} ${new TextDecoder().decode(data)}`),
      close: () => {
        closed += 1;
      },
    };
  };

  test('comes back only from whom it was sent to, and its socket ends when nobody speaks', () => {
    const { clock, machine } = network({ openDatagrams });
    const one = machine();
    expect(one.udp('9.9.9.9', 99, text('ask'))).toEqual([]);
    expect(sent).toEqual(['9.9.9.9:99 ask']);
    answer({ ip: ip('6.6.6.6'), port: 99 }, text('no'));
    answer({ ip: ip('9.9.9.9'), port: 99 }, text('yes'));
    clock.run(10);
    const [packet] = one.packets;
    expect([one.packets.length, formatIp(packet?.source ?? 0)]).toEqual([1, '9.9.9.9']);
    clock.run(300_000);
    expect(closed).toBe(1);
  });

  test('to forbidden places is answered with "unreachable"', () => {
    const { machine } = network({ openDatagrams });
    const one = machine();
    one.udp('127.0.0.1', 99, text('x'));
    expect([one.packets[0]?.payload[0], one.packets[0]?.payload[1]]).toEqual([3, UNREACHABLE.PROHIBITED]);
    one.udp('10.0.2.2', 99, text('x'));
    expect([one.packets[0]?.payload[0], one.packets[0]?.payload[1]]).toEqual([3, UNREACHABLE.PORT]);
  });
});

describe('HTTP in a page', () => {
  const browse = (fetch: HostNetwork['fetch'], options: Partial<GatewayOptions> = {}) => {
    const { clock, machine } = network(fetch ? { fetch } : {}, options);
    return async (request: string, address = '10.0.2.4') => {
      const { stream, log } = machine().connect(address, 80);
      stream.write(text(request));
      for (let turn = 0; turn < 20; turn += 1) {
        clock.run(50);
        await new Promise((resolve) => setTimeout(resolve));
      }
      return log.join('');
    };
  };
  const page = (pieces: string[], options: Partial<GatewayOptions> = {}) => {
    const seen: WebRequest[] = [];
    const fetch = async (request: WebRequest) => {
      seen.push(request);
      const left = pieces.map(text);
      return {
        status: 200,
        statusText: 'OK',
        headers: [['Content-Type', 'text/html'] as const, ['Content-Encoding', 'gzip'] as const],
        read: async () => left.shift(),
        cancel: () => {},
      };
    };
    return { seen, ask: browse(fetch, options) };
  };

  test('is fetched by the name that the machine says', async () => {
    const { seen, ask } = page(['one ', 'two']);
    const answer = await ask('GET /a?b HTTP/1.1\r\nHost: example.org\r\nAccept: x/y\r\nX-Own: 1\r\n\r\n');
    expect(seen).toEqual([
      { method: 'GET', url: 'http://example.org/a?b', headers: [['accept', 'x/y']], body: undefined },
    ]);
    expect(answer).toBe(
      'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n' +
        '4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n<end>',
    );
  });

  test('of version 1.0 gets its answer without chunks', async () => {
    const { ask } = page(['one ', 'two']);
    const answer = await ask('GET / HTTP/1.0\r\nHost: example.org\r\n\r\n');
    expect(answer).toContain('Connection: close\r\n\r\none two<end>');
  });

  test('may bring a body of a length or in chunks', async () => {
    const { seen, ask } = page([]);
    await ask('POST / HTTP/1.1\r\nHost: a.org\r\nContent-Length: 5\r\n\r\nhello');
    await ask(
      'POST / HTTP/1.1\r\nHost: a.org\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n',
    );
    expect(seen.map(({ body }) => new TextDecoder().decode(body))).toEqual(['hello', 'hello']);
  });

  test('that the browser refuses is answered with the reason', async () => {
    const ask = browse(() => Promise.reject(new Error('The server does not allow it (CORS).')));
    const answer = await ask('GET / HTTP/1.1\r\nHost: example.org\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1.1 502 [\s\S]*\r\n\r\nThe server does not allow it \(CORS\)\.\n<end>$/);
  });

  test.each([
    'localhost',
    '127.0.0.1:8080',
    '2130706433',
    '0x7f.1',
    '192.168.1.1',
    '[::1]',
    'nas.local',
    'nas',
  ])('of the user`s own network (%s) is refused without a try', async (host) => {
    const { seen, ask } = page([]);
    expect(await ask(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toMatch(/^HTTP\/1.1 403 /);
    expect(seen).toEqual([]);
  });

  describe("for the page's own files", () => {
    const own = () => page(['x'], { page: 'http://localhost:8080/course/' });
    const asked = async (target: string) => {
      const { seen, ask } = own();
      await ask(`GET ${target} HTTP/1.1\r\nHost: page\r\n\r\n`);
      return seen.map(({ url }) => url);
    };

    test('is answered from its folder, wherever that is', async () => {
      expect(await asked('/')).toEqual(['http://localhost:8080/course/']);
      expect(await asked('/guests/a.bin?x')).toEqual(['http://localhost:8080/course/guests/a.bin?x']);
      expect(await asked('http://page.vitrine/b')).toEqual(['http://localhost:8080/course/b']);
    });

    test.each(['/../../secret', '/%2e%2e/%2E./secret', '/\\..\\secret', '/./../secret'])(
      'never leaves that folder (%s)',
      async (target) => {
        expect(await asked(target)).toEqual(['http://localhost:8080/course/secret']);
      },
    );

    test('goes to no other server', async () => {
      for (const url of await asked('//example.org/x'))
        expect(url).toMatch(/^http:\/\/localhost:8080\/course\//);
    });

    test('writes nothing', async () => {
      const { seen, ask } = own();
      expect(await ask('DELETE /a HTTP/1.1\r\nHost: page\r\n\r\n')).toMatch(/^HTTP\/1.1 405 /);
      expect(seen).toEqual([]);
    });

    test('is refused where no page was given', async () => {
      const { seen, ask } = page([]);
      expect(await ask('GET / HTTP/1.1\r\nHost: page\r\n\r\n')).toMatch(/^HTTP\/1.1 403 page is a name/);
      expect(seen).toEqual([]);
    });
  });

  test('that is none is told so', async () => {
    expect(await page([]).ask('\x16\x03\x01 hello\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
  });
});
