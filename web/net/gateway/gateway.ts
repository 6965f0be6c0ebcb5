// The gateway of a switch: an IPv4 router that answers ARP, echoes, DHCP and names, and lets machines out through what
// their host has. It decides who reaches what; how bytes travel is known elsewhere.
import type { Clock, Link } from '../link.ts';
import type { PortForward } from '../options.ts';
import { type ByteStream, joinStreams } from '../stream.ts';
import type { TcpConnection } from '../tcp/connection.ts';
import { type Endpoint, TcpStack } from '../tcp/stack.ts';
import { DHCP_PORT, dhcpMessage, parseDhcp } from '../wire/dhcp.ts';
import { echoMessage, ICMP, parseEcho, UNREACHABLE, unreachableMessage } from '../wire/icmp.ts';
import { formatIp, IP_BROADCAST, type Ipv4Packet, PROTOCOL, parseIp } from '../wire/ipv4.ts';
import { type Datagram, MAX_DATAGRAM, parseUdp, udpPayload } from '../wire/udp.ts';
import { DhcpServer, type DhcpServerOptions } from './dhcp_server.ts';
import type { HostNetwork } from './host.ts';
import { answerName } from './name_server.ts';
import { PLAN, whyForbidden } from './plan.ts';
import { Station } from './station.ts';
import { UdpNat } from './udp_nat.ts';
import { serveWeb } from './web_gateway.ts';

const LOOPBACK = 0x7f000001;
const DNS_PORT = 53;
const HTTP_PORT = 80;
const HTTPS_PORT = 443;
/** Ports from which the gateway opens connections to machines (IANA's dynamic ports). */
const FIRST_PORT = 49_152;

/** What a gateway is made of. */
export interface GatewayOptions {
  readonly clock: Clock;
  readonly host: HostNetwork;
  /** Numbers below 2^32 for TCP's first sequence numbers. */
  random(): number;
  /** Machines reach the host's 127.0.0.1 as 10.0.2.2. */
  readonly hostLoopback?: boolean | undefined;
  /** Whether an address is taken by a machine that has it from another gateway. */
  readonly probe?: DhcpServerOptions['probe'];
  /** A machine has got its address from here. */
  readonly leased?: DhcpServerOptions['leased'];
  /** The folder that is `http://page/`, as in NetworkOptions. */
  readonly page?: string | undefined;
}

/** A sentence about what was refused, and when, by the gateway's clock. */
export interface Refusal {
  readonly sentence: string;
  readonly at: number;
}

/** A gateway on a link. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #station: Station;
  readonly #tcp: TcpStack;
  readonly #udp: UdpNat | undefined;
  readonly #dhcp: DhcpServer;
  readonly #listeners: (() => void)[] = [];
  #port = FIRST_PORT;
  #refusal: Refusal | undefined;

  constructor(link: Link, options: GatewayOptions) {
    const { clock, host, random, probe, leased } = options;
    this.#options = options;
    this.#dhcp = new DhcpServer({ ...(probe && { probe }), ...(leased && { leased }) });
    this.#station = new Station(link, {
      clock,
      mac: PLAN.MAC,
      addresses: [PLAN.GATEWAY, PLAN.DNS, PLAN.WEB],
      received: (packet, from) => this.#receive(packet, from),
    });
    this.#tcp = new TcpStack({
      clock,
      random,
      send: (...packet) => this.#station.send(...packet),
      asked: (connection, local) => this.#asked(connection, local),
    });
    this.#udp =
      host.openDatagrams &&
      new UdpNat(clock, host.openDatagrams.bind(host), (from, to, data) =>
        this.#sendDatagram(from, to, data),
      );
  }

  /** The machines that have an address from here. */
  get machines(): DhcpServer['leases'] {
    return this.#dhcp.leases;
  }

  /** TCP connections at the moment. */
  get connections(): number {
    return this.#tcp.live;
  }

  /** What it could not do for a machine, the last time. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** Passes connections of a host's port on to a machine. Rejects as `HostNetwork.listen` does. */
  async forward({ host, guest, to, bind = '127.0.0.1' }: PortForward): Promise<void> {
    const stop = await this.#options.host.listen?.(bind, host, (stream) => this.#forward(stream, guest, to));
    if (stop) this.#listeners.push(stop);
  }

  /** Ends everything: connections without a word, listeners, sockets. */
  close(): void {
    for (const stop of this.#listeners) stop();
    this.#tcp.drop();
    this.#udp?.close();
    this.#station.close();
  }

  #receive(packet: Ipv4Packet, from: number): void {
    const { source, destination, protocol, payload } = packet;
    if (protocol === PROTOCOL.UDP) this.#receiveUdp(packet, from);
    else if (destination === IP_BROADCAST) return;
    else if (protocol === PROTOCOL.TCP) this.#tcp.receive(source, destination, payload);
    else if (protocol === PROTOCOL.ICMP) this.#receiveIcmp(packet);
  }

  /** Only the gateway's own addresses answer echoes: a program may not send them to the outer world. */
  #receiveIcmp(packet: Ipv4Packet): void {
    const echo = parseEcho(packet.payload);
    if (echo?.type !== ICMP.ECHO_REQUEST) return;
    if (!this.#isOwn(packet.destination)) {
      this.#unreachable(packet, UNREACHABLE.PROHIBITED);
      return;
    }
    const reply = echoMessage({ ...echo, type: ICMP.ECHO_REPLY });
    this.#station.send(packet.destination, packet.source, PROTOCOL.ICMP, reply);
  }

  #receiveUdp(packet: Ipv4Packet, from: number): void {
    const { source, destination } = packet;
    const datagram = parseUdp(packet.payload, source, destination);
    if (!datagram) return;
    if (datagram.destinationPort === DHCP_PORT.SERVER) {
      this.#receiveDhcp(datagram, from);
      return;
    }
    if (destination === IP_BROADCAST) return;
    if (this.#isOwn(destination) && datagram.destinationPort === DNS_PORT) {
      this.#receiveName(datagram, source, destination);
      return;
    }
    const target = this.#targetOf(destination);
    if (target !== undefined && this.#udp) this.#udp.send(source, destination, target, datagram);
    else this.#unreachable(packet, this.#isOwn(destination) ? UNREACHABLE.PORT : UNREACHABLE.PROHIBITED);
  }

  #receiveDhcp(datagram: Datagram, from: number): void {
    const message = parseDhcp(datagram.data);
    if (!message) return;
    this.#dhcp.answer(message, (answer) => {
      const data = dhcpMessage(answer);
      const to = answer.wantsBroadcast || answer.yours === 0 ? IP_BROADCAST : answer.yours;
      const ports = { sourcePort: DHCP_PORT.SERVER, destinationPort: DHCP_PORT.CLIENT };
      const destination = message.client !== 0 && answer.yours !== 0 ? message.client : to;
      const payload = udpPayload({ ...ports, data }, PLAN.GATEWAY, destination);
      if (destination === IP_BROADCAST) this.#station.send(PLAN.GATEWAY, destination, PROTOCOL.UDP, payload);
      else this.#station.sendTo(from, PLAN.GATEWAY, destination, PROTOCOL.UDP, payload);
    });
  }

  #receiveName(datagram: Datagram, source: number, destination: number): void {
    const { host } = this.#options;
    const sources = {
      machine: (name: string) => (this.#isPage(name) ? PLAN.WEB : this.#dhcp.find(name)),
      resolve: host.resolve?.bind(host) ?? (host.fetch ? resolveToWeb : undefined),
    };
    answerName(datagram.data, sources, (answer) => {
      const from = { ip: destination, port: DNS_PORT };
      this.#sendDatagram(from, { ip: source, port: datagram.sourcePort }, answer);
    });
  }

  /** A machine wants to connect to `local`. */
  #asked(connection: TcpConnection, local: Endpoint): void {
    const { host } = this.#options;
    const target = this.#targetOf(local.ip);
    if (host.connect && target !== undefined) {
      const stream = host.connect({ ip: target, port: local.port });
      joinStreams(connection, stream, () => {});
      stream.onOpen(() => connection.accept());
    } else if (host.fetch && local.port === HTTP_PORT && (local.ip === PLAN.WEB || !this.#isOwn(local.ip))) {
      serveWeb(connection, local.ip, {
        fetch: host.fetch.bind(host),
        page: this.#options.page,
        refused: (sentence) => this.#refused(sentence),
      });
      connection.accept();
    } else {
      this.#refused(`No connection to ${formatIp(local.ip)}, port ${local.port}: ${this.#whyNot(local)}.`);
      connection.reset();
    }
  }

  #refused(sentence: string): void {
    this.#refusal = { sentence, at: this.#options.clock.now() };
  }

  /** Why a connection is refused before the host was asked. */
  #whyNot({ ip, port }: Endpoint): string {
    const { connect, fetch } = this.#options.host;
    if (this.#isOwn(ip)) return 'the gateway has no such service';
    const why = whyForbidden(ip);
    if (why !== undefined && connect) return why;
    if (!fetch) return 'the gateway has no way out';
    return port === HTTPS_PORT
      ? 'a page has no HTTPS for machines'
      : 'from a page only HTTP on port 80 goes out';
  }

  #isPage(name: string): boolean {
    return (
      name === PLAN.PAGE_NAME && this.#options.page !== undefined && this.#options.host.fetch !== undefined
    );
  }

  /** The host's word for an address that a machine says; undefined for what it must not reach. */
  #targetOf(destination: number): number | undefined {
    if (destination === PLAN.GATEWAY && this.#options.hostLoopback) return LOOPBACK;
    return whyForbidden(destination) === undefined ? destination : undefined;
  }

  #forward(stream: ByteStream, port: number, to: string | undefined): void {
    const ip = to === undefined ? (this.machines[0]?.ip ?? PLAN.FIRST) : (parseIp(to) ?? this.#dhcp.find(to));
    if (ip === undefined) {
      stream.reset();
      return;
    }
    const remote = { ip, port };
    const connection = this.#tcp.connect({ ip: PLAN.GATEWAY, port: this.#freePort(remote) }, remote);
    joinStreams(connection, stream, () => {});
  }

  #freePort(remote: Endpoint): number {
    do {
      this.#port = this.#port === 65_535 ? FIRST_PORT : this.#port + 1;
    } while (this.#tcp.has({ ip: PLAN.GATEWAY, port: this.#port }, remote));
    return this.#port;
  }

  #sendDatagram(from: Endpoint, to: Endpoint, data: Uint8Array): void {
    if (data.length > MAX_DATAGRAM) return;
    const datagram = { sourcePort: from.port, destinationPort: to.port, data };
    this.#station.send(from.ip, to.ip, PROTOCOL.UDP, udpPayload(datagram, from.ip, to.ip));
  }

  #unreachable(packet: Ipv4Packet, code: number): void {
    const message = unreachableMessage(code, packet.quote);
    this.#station.send(PLAN.GATEWAY, packet.source, PROTOCOL.ICMP, message);
  }

  #isOwn(ip: number): boolean {
    return ip === PLAN.GATEWAY || ip === PLAN.DNS || ip === PLAN.WEB;
  }
}

/** In a page names of the world lead to the gateway itself, which fetches by name; what has no dot is no such name. */
async function resolveToWeb(name: string): Promise<readonly number[] | undefined> {
  return name.includes('.') ? [PLAN.WEB] : undefined;
}
