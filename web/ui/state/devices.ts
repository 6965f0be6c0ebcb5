// The devices that a person chooses for the machine: what its options say, and what the page gives for it. No React.

import type { DeviceRequest } from '../../session/types.ts';

type Kind = DeviceRequest['kind'];

/** The order in which a guest finds them, whatever was chosen first. */
const ORDER: readonly Kind[] = ['blk', 'net', '9p', 'rng', 'console', 'balloon'];

/** The devices with the one of its kind replaced; `undefined` takes it away. */
export function withDevice(
  devices: readonly DeviceRequest[],
  kind: Kind,
  request: DeviceRequest | undefined,
): DeviceRequest[] {
  const others = devices.filter((device) => device.kind !== kind);
  return [...others, ...(request ? [request] : [])].sort(
    (a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind),
  );
}

/** The device of this kind, if it was chosen. */
export function deviceOf<K extends Kind>(
  devices: readonly DeviceRequest[],
  kind: K,
): Extract<DeviceRequest, { kind: K }> | undefined {
  return devices.find((device): device is Extract<DeviceRequest, { kind: K }> => device.kind === kind);
}

/** What a disk of this content is called among those that the page gives: letters and digits of its name. */
export function diskName(content: string): string {
  const last = content.replace(/[?#].*$/, '').replace(/\/+$/, '');
  const name = last.slice(last.lastIndexOf('/') + 1).replace(/[^\w.-]+/g, '-');
  return name === '' ? 'disk' : name;
}

/** A network's name, if it is one: what other tabs say to meet on it. */
export const isNetworkName = (name: string): boolean => /^[\w.-]{1,64}$/.test(name);
