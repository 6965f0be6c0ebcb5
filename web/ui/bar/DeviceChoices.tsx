// The virtio devices of the machine: a disk, a network card, the share, entropy, a second console and a balloon. A kernel
// with virtio drivers finds them; the lab's small guests do not look.

import { type ChangeEvent, useRef, useState } from 'react';
import type { DeviceRequest } from '../../session/types.ts';
import { useActions, useWorkbench } from '../context.ts';
import { bytes } from '../parts/numbers.ts';
import { deviceOf, diskName, isNetworkName, withDevice } from '../state/devices.ts';

const MIB = 1 << 20;
/** Sizes of an empty disk. It takes room where it is written. */
const SIZES = [64 * MIB, 512 * MIB, 4096 * MIB];
const SHARE = { tag: 'files', path: '/share/files' } as const;
const NETWORK = 'lan';
const NONE: readonly DeviceRequest[] = [];

/** Devices that are chosen by a box alone. */
const BOXES = [
  {
    request: { kind: '9p', ...SHARE },
    label: 'Folder of this browser',
    note: 'mount -t 9p files /mnt: files that stay, /share/files in the Shell.',
  },
  { request: { kind: 'rng' }, label: 'Entropy', note: 'The guest takes random bytes from the browser.' },
  { request: { kind: 'console' }, label: 'Second console', note: 'hvc0, a terminal of its own.' },
  {
    request: { kind: 'balloon' },
    label: 'Balloon',
    note: 'The guest tells which memory it does not use.',
  },
] as const satisfies readonly { request: DeviceRequest; label: string; note: string }[];

export function DeviceChoices() {
  const bench = useActions();
  const devices = useWorkbench((state) => state.options.devices) ?? NONE;
  const choose = (kind: DeviceRequest['kind'], request: DeviceRequest | undefined) =>
    // A device interrupts: some of the lab's guests have no chips for that until one is chosen.
    bench.setOptions({ devices: withDevice(devices, kind, request), ...(request && { irqchip: true }) });
  return (
    <fieldset>
      <legend>Devices, by virtio</legend>
      <Disk devices={devices} choose={choose} />
      <Network devices={devices} choose={choose} />
      {BOXES.map(({ request, label, note }) => (
        <label key={request.kind} className="choice">
          <input
            type="checkbox"
            checked={deviceOf(devices, request.kind) !== undefined}
            onChange={(event) => choose(request.kind, event.target.checked ? request : undefined)}
          />
          {label}
          <small>{note}</small>
        </label>
      ))}
    </fieldset>
  );
}

interface ChoiceProps {
  devices: readonly DeviceRequest[];
  choose: (kind: DeviceRequest['kind'], request: DeviceRequest | undefined) => void;
}

function Disk({ devices, choose }: ChoiceProps) {
  const bench = useActions();
  const file = useRef<HTMLInputElement>(null);
  const [url, setUrl] = useState<string>();
  const disk = deviceOf(devices, 'blk')?.disk;

  const empty = (size: number) => {
    const name = `empty-${size / MIB}M`;
    void bench.give({ disks: { [name]: { opfs: name, bytes: size } } });
    choose('blk', { kind: 'blk', disk: name });
  };
  const take = (name: string, words: { blob: File } | { url: string }) => {
    void bench.give({ disks: { [name]: { ...words, changes: `${name}.changes` } } });
    choose('blk', { kind: 'blk', disk: name });
  };
  const select = (value: string) => {
    setUrl(value === 'url' ? '' : undefined);
    if (value === 'none') choose('blk', undefined);
    else if (value === 'file') file.current?.click();
    else if (value !== 'url' && value !== 'own') empty(Number(value));
  };
  const onFile = (event: ChangeEvent<HTMLInputElement>) => {
    const [image] = event.target.files ?? [];
    if (image) take(diskName(image.name), { blob: image });
    event.target.value = '';
  };

  const size = SIZES.find((one) => disk === `empty-${one / MIB}M`);
  const value = url !== undefined ? 'url' : disk === undefined ? 'none' : (size ?? 'own');
  return (
    <>
      <label>
        Disk
        <select className="field" value={value} onChange={(event) => select(event.target.value)}>
          <option value="none">none</option>
          {value === 'own' && <option value="own">{disk}</option>}
          {SIZES.map((one) => (
            <option key={one} value={one}>
              {bytes(one)}, kept in this browser
            </option>
          ))}
          <option value="file">an image from your disk…</option>
          <option value="url">an image at a URL…</option>
        </select>
      </label>
      <input ref={file} type="file" hidden aria-label="Disk image" onChange={onFile} />
      {url !== undefined && (
        <label>
          URL of a raw image, from a server that sends ranges
          <input
            className="field mono"
            type="url"
            placeholder="https://"
            value={url}
            onChange={(event) => setUrl(event.target.value)}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || !URL.canParse(url)) return;
              take(diskName(url), { url });
              setUrl(undefined);
            }}
          />
          <small>Enter takes it. What the guest changes is kept in this browser.</small>
        </label>
      )}
      {value === 'own' && (
        <small className="form-note">The image is not written to: changes are kept in this browser.</small>
      )}
    </>
  );
}

function Network({ devices, choose }: ChoiceProps) {
  const bench = useActions();
  const network = deviceOf(devices, 'net')?.network;
  const [draft, setDraft] = useState<string>();
  const join = (name: string) => {
    void bench.give({ networks: { [name]: { name } } });
    choose('net', { kind: 'net', network: name });
  };
  return (
    <>
      <label className="choice">
        <input
          type="checkbox"
          checked={network !== undefined}
          onChange={(event) => (event.target.checked ? join(NETWORK) : choose('net', undefined))}
        />
        Network card
        <small>DHCP and names; HTTP goes out by fetch. Machines of other tabs meet on the same name.</small>
      </label>
      {network !== undefined && (
        <label>
          Name of the network
          <input
            className="field mono"
            value={draft ?? network}
            aria-invalid={draft !== undefined && !isNetworkName(draft)}
            onChange={(event) => {
              setDraft(event.target.value);
              if (isNetworkName(event.target.value)) join(event.target.value);
            }}
            onBlur={() => setDraft(undefined)}
          />
        </label>
      )}
    </>
  );
}
