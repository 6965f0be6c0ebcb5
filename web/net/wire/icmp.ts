// ICMP for IPv4 (RFC 792): echoes and "destination unreachable". No other message is known.
import { foldSum, get16, set16, sumWords } from './bytes.ts';

/** Message types. */
export const ICMP = { ECHO_REPLY: 0, UNREACHABLE: 3, ECHO_REQUEST: 8 } as const;
/** Codes of UNREACHABLE: which part could not be reached, and why. */
export const UNREACHABLE = { HOST: 1, PORT: 3, PROHIBITED: 13 } as const;

/** An echo message; `data` is what the reply gives back. */
export interface Echo {
  type: number;
  id: number;
  sequence: number;
  data: Uint8Array;
}

/** The echo request or reply in a packet's payload, or undefined. */
export function parseEcho(payload: Uint8Array): Echo | undefined {
  if (payload.length < 8 || foldSum(sumWords(payload, 0)) !== 0) return;
  const type = payload[0] ?? 0;
  if (type !== ICMP.ECHO_REPLY && type !== ICMP.ECHO_REQUEST) return;
  return { type, id: get16(payload, 4), sequence: get16(payload, 6), data: payload.subarray(8) };
}

/** The bytes of an echo message. */
export function echoMessage(echo: Echo): Uint8Array {
  const bytes = new Uint8Array(8 + echo.data.length);
  bytes[0] = echo.type;
  set16(bytes, 4, echo.id);
  set16(bytes, 6, echo.sequence);
  bytes.set(echo.data, 8);
  set16(bytes, 2, foldSum(sumWords(bytes, 0)));
  return bytes;
}

/** "Destination unreachable" about the packet that `quote` begins. */
export function unreachableMessage(code: number, quote: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + quote.length);
  bytes[0] = ICMP.UNREACHABLE;
  bytes[1] = code;
  bytes.set(quote, 8);
  set16(bytes, 2, foldSum(sumWords(bytes, 0)));
  return bytes;
}
