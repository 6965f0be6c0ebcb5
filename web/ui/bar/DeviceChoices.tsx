// The virtio devices of the machine: a disk, a network card, the share, entropy, a second console and a balloon. A kernel
// with virtio drivers finds them; the lab's small guests do not look.

import { HardDrive } from 'lucide-react';
import { useRef, useState } from 'react';
import type { DeviceRequest } from '../../session/types.ts';
import { useActions, useWorkbench } from '../context.ts';
import { FileInput } from '../parts/FileInput.tsx';
import { bytes } from '../parts/numbers.ts';
import { deviceOf, diskName, isNetworkName } from '../state/devices.ts';
import { DEFAULT_NETWORK, networkWords } from '../state/networks.ts';
import { useStore } from '../state/store.ts';
import { addDisk, chooseDevice, chooseShare, SHARE, takeDisk } from '../state/take.ts';
import { StorageDialog } from './StorageDialog.tsx';

const MIB = 1 << 20;
/** Sizes of an empty disk. It takes room where it is written. */
const SIZES = [64 * MIB, 512 * MIB, 4096 * MIB];
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
  const storage = useRef<HTMLDialogElement>(null);
  const check = (request: DeviceRequest, isChosen: boolean) => {
    if (request.kind === '9p') void chooseShare(bench, isChosen);
    else chooseDevice(bench, request.kind, isChosen ? request : undefined);
  };
  const open = () => {
    void bench.storage.refresh();
    storage.current?.showModal();
  };
  return (
    <fieldset>
      <legend>Devices, by virtio</legend>
      <Disk devices={devices} />
      <button type="button" className="button kept-button" onClick={open}>
        <HardDrive size={14} aria-hidden="true" /> Disks and files…
      </button>
      <Network devices={devices} />
      {BOXES.map(({ request, label, note }) => (
        <label key={request.kind} className="choice">
          <input
            type="checkbox"
            checked={deviceOf(devices, request.kind) !== undefined}
            onChange={(event) => check(request, event.target.checked)}
          />
          {label}
          <small>{note}</small>
        </label>
      ))}
      <StorageDialog ref={storage} />
    </fieldset>
  );
}

interface ChoiceProps {
  devices: readonly DeviceRequest[];
}

function Disk({ devices }: ChoiceProps) {
  const bench = useActions();
  const kept = useStore(bench.storage.state, ({ disks }) => disks);
  const file = useRef<HTMLInputElement>(null);
  const [url, setUrl] = useState<string>();
  const disk = deviceOf(devices, 'blk')?.disk;

  const select = (value: string) => {
    setUrl(value === 'url' ? '' : undefined);
    const [how, which = ''] = value.split(':');
    if (how === 'none') chooseDevice(bench, 'blk');
    else if (how === 'kept') chooseDevice(bench, 'blk', { kind: 'blk', disk: which });
    else if (how === 'file') file.current?.click();
    else if (how === 'new') void addDisk(bench, `disk-${Number(which) / MIB}M`, { bytes: Number(which) });
  };

  const isKept = kept.some(({ name }) => name === disk);
  const value = url !== undefined ? 'url' : disk === undefined ? 'none' : `kept:${disk}`;
  return (
    <>
      <label>
        Disk
        <select className="field" value={value} onChange={(event) => select(event.target.value)}>
          <option value="none">none</option>
          {disk !== undefined && !isKept && <option value={`kept:${disk}`}>{disk}</option>}
          {kept.length > 0 && (
            <optgroup label="Kept in this browser">
              {kept.map(({ name, bytes: size }) => (
                <option key={name} value={`kept:${name}`}>
                  {name}, {bytes(size)}
                </option>
              ))}
            </optgroup>
          )}
          <optgroup label="New, kept in this browser">
            {SIZES.map((one) => (
              <option key={one} value={`new:${one}`}>
                {bytes(one)}, empty
              </option>
            ))}
            <option value="file">an image from your disk…</option>
            <option value="url">an image at a URL…</option>
          </optgroup>
        </select>
      </label>
      <FileInput ref={file} label="Disk image" onFiles={([image]) => image && void takeDisk(bench, image)} />
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
              void addDisk(bench, diskName(url), { url }).then((isMade) => isMade && setUrl(undefined));
            }}
          />
          <small>Enter takes it. What the guest changes is kept in this browser.</small>
        </label>
      )}
    </>
  );
}

function Network({ devices }: ChoiceProps) {
  const bench = useActions();
  const network = deviceOf(devices, 'net')?.network;
  const [draft, setDraft] = useState<string>();
  const join = (name: string) => {
    void bench.give({ networks: { [name]: networkWords(name) } });
    chooseDevice(bench, 'net', { kind: 'net', network: name });
  };
  return (
    <>
      <label className="choice">
        <input
          type="checkbox"
          checked={network !== undefined}
          onChange={(event) => (event.target.checked ? join(DEFAULT_NETWORK) : chooseDevice(bench, 'net'))}
        />
        Network card
        <small>
          Machines of other tabs meet on the same name. DHCP and names; HTTP goes out by fetch, and
          http://page/ has this page's files.
        </small>
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
          {draft !== undefined && !isNetworkName(draft) && (
            <small>Letters, digits, dots, dashes and underscores, at most 64.</small>
          )}
        </label>
      )}
    </>
  );
}
