// From a request to a back end: the one table of the kinds of devices. It starts nothing.

import { type DiskWords, diskOf } from '../disk/index.ts';
import { openDisk } from '../disk/open_here.ts';
import { type Fs, FsClient, type MessagePortLike, messagePort } from '../fs/index.ts';
import { KvmError } from '../kvm/abi/errno.ts';
import { macOf, type PortLike, PortLink } from '../net/index.ts';
import { type Backend, DEVICE_TYPE } from './backend.ts';
import { balloon } from './balloon.ts';
import { blk } from './blk.ts';
import { virtioConsole } from './console.ts';
import { net } from './net.ts';
import { p9 } from './p9.ts';
import type { DeviceKind, DeviceRequest } from './request.ts';
import { hostEntropy, rng, seededEntropy } from './rng.ts';
import type { Terminal } from './terminal.ts';

/** What whoever starts a back end gives it beside the request. */
export interface BackendMeans {
  /** The machine's terminal, for a console. */
  readonly terminal?: Terminal | undefined;
  /** A channel to what it needs of another thread: for a share the session's tree, for a network card its cable. */
  readonly port?: MessagePortLike | undefined;
  /** What the disk is that the request names. */
  readonly disk?: DiskWords | undefined;
  /** The session's tree, where it is in this thread. */
  readonly files?: Fs | undefined;
  /** What `notify` takes is done when it resolves: in the deterministic engine. */
  readonly isInOrder?: boolean | undefined;
}

type Maker<K extends DeviceKind> = {
  /** DEVICE_TYPE. */
  readonly type: number;
  make(request: Extract<DeviceRequest, { kind: K }>, means: BackendMeans): Backend | Promise<Backend>;
};

/** The trees whose writes may wait for a machine, so that a machine must not wait for them. */
const isControl = (path: string): boolean => /^\/+((kvm|vas|modules)(\/|$)|$)/.test(path);

/** The session's tree. ENODEV where nobody has given it. */
function filesOf({ files, port }: BackendMeans): Fs {
  if (files) return files;
  if (port) return new FsClient(messagePort(port));
  throw new KvmError('ENODEV', 'there are no files here to be shared');
}

const MAKERS: { readonly [K in DeviceKind]: Maker<K> } = {
  '9p': {
    type: DEVICE_TYPE.p9,
    make: ({ tag, path }, means) =>
      p9({ tag, path, fs: filesOf(means), isInOrder: means.isInOrder === true && !isControl(path) }),
  },
  blk: {
    type: DEVICE_TYPE.blk,
    async make({ serial, queues }, { disk, isInOrder = false }) {
      if (!disk) throw new KvmError('ENODEV', 'there are no disks here');
      return blk(await openDisk(diskOf(disk)), {
        isInOrder,
        ...(serial !== undefined && { serial }),
        ...(queues !== undefined && { queues }),
      });
    },
  },
  net: {
    type: DEVICE_TYPE.net,
    make({ mac = '', mtu }, { port, isInOrder = false }) {
      if (!port) throw new KvmError('ENODEV', 'there is no network here to plug a card into');
      if (mtu !== undefined && (!Number.isInteger(mtu) || mtu < 68 || mtu > 1500))
        throw new KvmError('EINVAL', `mtu=${mtu} is no size of a packet; it is 68 to 1500`);
      const link = new PortLink(port as PortLike);
      return net({ link, mac: macOf(mac), mtu, isInOrder, close: () => link.close() });
    },
  },
  balloon: {
    type: DEVICE_TYPE.balloon,
    make: ({ target }, { isInOrder }) =>
      balloon({ ...(target !== undefined && { target }), asks: isInOrder !== true }),
  },
  console: {
    type: DEVICE_TYPE.console,
    make: (_, { terminal }) => {
      if (terminal) return virtioConsole(terminal);
      throw new KvmError('ENODEV', 'there is no terminal here for a console');
    },
  },
  rng: {
    type: DEVICE_TYPE.rng,
    make: ({ seed }) => rng(seed === undefined ? hostEntropy : seededEntropy(BigInt(seed))),
  },
};

/** All kinds there are. */
export const DEVICE_KINDS = Object.keys(MAKERS) as readonly DeviceKind[];

/** The device type of a request: what a transport tells before there is a back end. */
export function deviceType({ kind }: DeviceRequest): number {
  return MAKERS[kind].type;
}

/** The back end that was asked for. Rejects with a sentence when what it needs is not there. */
export async function makeBackend(request: DeviceRequest, means: BackendMeans = {}): Promise<Backend> {
  // Each maker takes the requests of its own kind.
  const { make } = MAKERS[request.kind] as Maker<DeviceKind>;
  return make(request as never, means);
}
