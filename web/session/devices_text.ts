// The devices of a machine as one word of its options file: `rng,blk:disk=disk0:serial=A1`. It knows no kind of
// device: a request is flat, and whether it makes sense is judged when a device is made of it.
import type { Format } from '../fs/index.ts';
import { KvmError } from '../kvm/abi/errno.ts';
import { DEVICE_KINDS, type DeviceKind, type DeviceRequest } from '../virtio/index.ts';

type Value = string | number | boolean;

/** What would part the word, or part of it. */
const SPECIAL = /[%\s,:='"\\$`#&;|<>()*?[\]{}~!]/g;
const escapeText = (text: string): string =>
  text.replace(SPECIAL, (letter) =>
    [...new TextEncoder().encode(letter)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  );

/** Numbers and truth values stand for themselves; text that looks like one is escaped. */
function formatValue(value: Value): string {
  if (typeof value !== 'string') return String(value);
  const plain = escapeText(value);
  if (typeof parseValue(plain) === 'string' && plain !== '') return plain;
  return value === '' ? '%' : `%${value.charCodeAt(0).toString(16)}${escapeText(value.slice(1))}`;
}

function parseValue(text: string): Value {
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^-?\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  return text === '%' ? '' : decodeURIComponent(text);
}

function formatDevice({ kind, ...rest }: DeviceRequest): string {
  const fields = Object.entries(rest as Record<string, Value | undefined>);
  const words = fields.flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${formatValue(value)}`],
  );
  return [kind, ...words].join(':');
}

function parseDevice(text: string): DeviceRequest {
  const [kind = '', ...words] = text.split(':');
  if (!DEVICE_KINDS.includes(kind as DeviceKind))
    throw new KvmError('EINVAL', `'${kind}' is no kind of device; there are ${DEVICE_KINDS.join(', ')}`);
  const fields = words.map((word): [string, Value] => {
    const at = word.indexOf('=');
    if (at < 1)
      throw new KvmError('EINVAL', `'${word}' of device ${kind} has no value; write it as name=value`);
    try {
      return [word.slice(0, at), parseValue(word.slice(at + 1))];
    } catch {
      throw new KvmError('EINVAL', `'${word}' of device ${kind} is badly escaped; write a % as %25`);
    }
  });
  return { kind, ...Object.fromEntries(fields) } as unknown as DeviceRequest;
}

/** All devices, in the order of their numbers. */
export const devices: Format<DeviceRequest[]> = {
  format: (all) => (all.length === 0 ? 'none' : all.map(formatDevice).join(',')),
  parse: (text) => (text === 'none' ? [] : text.split(',').map(parseDevice)),
};
