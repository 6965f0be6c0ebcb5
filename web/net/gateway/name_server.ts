// The gateway's name server: machines by the names they gave to DHCP, the gateway itself, and whatever the host resolves.
// It knows IPv4 addresses only; all other records are refused.
import { DNS_TYPE, type DnsQuery, dnsAnswer, parseDnsQuery, RCODE } from '../wire/dns.ts';
import { PLAN } from './plan.ts';

/** Whom a name server asks. */
export interface NameSources {
  /** The address of a machine on the switch. */
  machine(name: string): number | undefined;
  /** The addresses of a name of the outer world, undefined when it does not exist; missing where there is none. */
  resolve?: ((name: string) => Promise<readonly number[] | undefined>) | undefined;
}

/** Names of the gateway. */
const OWN: Record<string, number> = { gateway: PLAN.GATEWAY, host: PLAN.GATEWAY, dns: PLAN.DNS };

/** Answers the query in a datagram, now or later; what is no query gets no answer. */
export function answerName(
  datagram: Uint8Array,
  sources: NameSources,
  reply: (answer: Uint8Array) => void,
): void {
  const query = parseDnsQuery(datagram);
  if (!query) return;
  if ((query.flags & 0x7800) !== 0) {
    reply(dnsAnswer(query, RCODE.NOT_IMPLEMENTED));
    return;
  }
  if (query.type !== DNS_TYPE.A && query.type !== DNS_TYPE.AAAA) {
    reply(dnsAnswer(query, RCODE.REFUSED));
    return;
  }
  const name = query.name.endsWith(`.${PLAN.DOMAIN}`)
    ? query.name.slice(0, -PLAN.DOMAIN.length - 1)
    : query.name;
  const own = OWN[name] ?? sources.machine(name);
  if (own !== undefined) {
    reply(addresses(query, [own]));
    return;
  }
  const isOurs = name !== query.name || name === '';
  if (isOurs || !sources.resolve) {
    reply(dnsAnswer(query, RCODE.NO_NAME));
    return;
  }
  sources.resolve(name).then(
    (found) => reply(found ? addresses(query, found) : dnsAnswer(query, RCODE.NO_NAME)),
    () => reply(dnsAnswer(query, RCODE.SERVER_FAILURE)),
  );
}

/** A name that exists has an answer for each type, but only IPv4 addresses in it. */
function addresses(query: DnsQuery, found: readonly number[]): Uint8Array {
  return dnsAnswer(query, RCODE.OK, query.type === DNS_TYPE.A ? found : []);
}
