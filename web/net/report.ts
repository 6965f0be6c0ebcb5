// A network as it stands, in plain data that travels: who is on it, what its ports have moved, what was refused last.
import type { AddressBook } from './address_book.ts';
import type { Gateway } from './gateway/gateway.ts';
import { PLAN } from './gateway/plan.ts';
import type { PortCounters, PortKind, Switch, SwitchPort } from './switch.ts';
import { formatMac } from './wire/ethernet.ts';
import { formatIp } from './wire/ipv4.ts';

/** Who was silent for longer has most likely left, in ms. */
const GONE = 300_000;

/** A port of the switch. */
export interface PortReport extends PortCounters {
  readonly kind: PortKind;
}

/** Somebody on the network. */
export interface StationReport {
  readonly mac: string;
  /** Its IPv4 address, if it was given one here or was overheard to have one. */
  readonly ip?: string;
  /** What it has called itself to DHCP. */
  readonly name?: string;
  /** What hangs on the port behind which it is: a machine on a `station` is of this thread, behind an `uplink` of another. */
  readonly at: PortKind;
  /** It has its address from the gateway here. */
  readonly isLeased: boolean;
  /** What it has sent, as far as it passed here. */
  readonly frames: number;
  readonly bytes: number;
  /** Time since it was last heard, in ms. */
  readonly quiet: number;
}

/** A network. */
export interface NetworkReport {
  readonly ports: readonly PortReport[];
  /** The gateway first, then machines by address. */
  readonly stations: readonly StationReport[];
  /** TCP connections through the gateway; undefined where there is none. */
  readonly connections?: number;
  /** What the gateway refused last, and how long ago, in ms. */
  readonly refusal?: { readonly sentence: string; readonly ago: number };
}

/** What to know of a network for its report. */
export interface ReportSource {
  readonly hub: Switch;
  readonly gateway: Gateway | undefined;
  readonly book: AddressBook;
  /** The envoy's port, which carries nobody's frames. */
  readonly envoy: SwitchPort | undefined;
  readonly now: number;
}

/** Envoys are the gateways' own business. */
const isEnvoy = (mac: number) => mac >= PLAN.ENVOYS && mac < PLAN.ENVOYS + 2 ** 32 && mac !== PLAN.MAC;

/** The network of a switch. */
export function reportOf(source: ReportSource): NetworkReport {
  const { hub, gateway, envoy, now } = source;
  const refusal = gateway?.refusal;
  return {
    ports: hub.ports.filter((port) => port !== envoy).map(({ kind, counters }) => ({ kind, ...counters })),
    stations: stationsOf(source),
    ...(gateway && { connections: gateway.connections }),
    ...(refusal && { refusal: { sentence: refusal.sentence, ago: now - refusal.at } }),
  };
}

function stationsOf({ hub, gateway, book, now }: ReportSource): StationReport[] {
  const heard = new Map(hub.heard.map((one) => [one.mac, one]));
  const leases = new Map((gateway?.machines ?? []).map((lease) => [lease.mac, lease]));
  const told = [...book.entries].filter(([, { seen }]) => now - seen < GONE).map(([mac]) => mac);
  const all = new Set([...(gateway ? [PLAN.MAC] : []), ...heard.keys(), ...told]);
  const found = [...all]
    .filter((mac) => !isEnvoy(mac))
    .map((mac) => {
      const { port, seen, frames = 0, bytes = 0 } = heard.get(mac) ?? {};
      const lease = leases.get(mac);
      const ip = mac === PLAN.MAC ? PLAN.GATEWAY : (book.entries.get(mac)?.ip ?? lease?.ip);
      const name = mac === PLAN.MAC ? 'gateway' : lease?.name;
      const last = Math.max(seen ?? 0, book.entries.get(mac)?.seen ?? 0);
      return {
        order: ip ?? 2 ** 32,
        mac: formatMac(mac),
        ...(ip !== undefined && { ip: formatIp(ip) }),
        ...(name !== undefined && { name }),
        at: port?.kind ?? (mac === PLAN.MAC ? ('local' as const) : ('uplink' as const)),
        isLeased: lease !== undefined && lease.ip === ip,
        frames,
        bytes,
        quiet: now - last,
      };
    });
  return found.sort((a, b) => a.order - b.order).map(({ order: _, ...station }) => station);
}
