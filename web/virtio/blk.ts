// A block device: the driver's requests become reads, writes and flushes of a BlockStore. Where the bytes are kept it is
// given; partitions and file systems are the guest's.
//
// Source: VIRTIO 1.2, 5.2.

import { type BlockStore, SECTOR } from '../disk/index.ts';
import { isKvmError } from '../kvm/abi/errno.ts';
import { type Backend, type Chain, DEVICE_TYPE, type Device, type Queue } from './backend.ts';

/** Feature bits: VIRTIO 1.2, 5.2.3. */
export const BLK_F = {
  sizeMax: 1n << 1n,
  segMax: 1n << 2n,
  readonly: 1n << 5n,
  blkSize: 1n << 6n,
  flush: 1n << 9n,
  topology: 1n << 10n,
  configWce: 1n << 11n,
  mq: 1n << 12n,
  discard: 1n << 13n,
  writeZeroes: 1n << 14n,
} as const;

/** Request types: 5.2.6. */
export const BLK_T = { in: 0, out: 1, flush: 4, getId: 8, discard: 11, writeZeroes: 13 } as const;
/** What a request ends with. */
export const BLK_S = { ok: 0, ioErr: 1, unsupported: 2 } as const;

const DESCRIPTORS = 256;
/** Bytes before a request's data: type, reserved, sector. */
const HEADER = 16;
/** Segments of a request: its chain less header and status. */
const SEGMENTS = DESCRIPTORS - 2;
const SEGMENT_BYTES = 1 << 16;
/** More data than this cannot come of a driver that keeps the limits. */
const DATA_MAX = SEGMENTS * SEGMENT_BYTES;
/** Bytes of the answer to GET_ID. */
const ID_BYTES = 20;
/** A host's blocks, in which it writes best: 4096 bytes. */
const PHYSICAL_EXPONENT = 3;
/** Ranges in one DISCARD or WRITE_ZEROES, and their sectors: 2 GiB, and 16 MiB where zeroes may have to be written. */
const RANGES = 64;
const DISCARD_SECTORS = 1 << 22;
const ZERO_SECTORS = 1 << 15;
/** WRITE_ZEROES: the range may be given back to the store. */
const UNMAP = 1;

/** A request for which the host has no room is tried again after so long, in ms. */
const ROOM_MS = 500;

const WRITEBACK_OFFSET = 32;
const CONFIG_BYTES = 60;
/** Device.state[0]: the driver has asked that each write be on the medium when it ends. */
const WRITE_THROUGH = 1;

export interface BlkOptions {
  /** What GET_ID says, at most 20 bytes; `vitrine` when left out. */
  readonly serial?: string;
  /** Request queues, 1 when left out; the driver may use one for each processor. */
  readonly queues?: number;
  /** Each request is finished before the next is looked at, and before the guest goes on: for the deterministic engine. */
  readonly isInOrder?: boolean;
}

/** A request that is taken. */
interface Request {
  readonly queue: Queue;
  readonly chain: Chain;
  /** What the driver reads: all of the device-writable part but the status byte, as far as it was filled. */
  readonly data: Uint8Array;
}

/** A request that the driver has made wrong, or that cannot be done: its status, and a sentence. */
class Refused extends Error {
  readonly status: number;

  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

const sentenceOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

class Blk implements Backend {
  readonly type = DEVICE_TYPE.blk;
  readonly features: bigint;
  readonly queues: readonly number[];
  readonly #store: BlockStore;
  readonly #sectors: number;
  readonly #serial: Uint8Array;
  readonly #isInOrder: boolean;
  #device: Device | undefined;
  /** Counts starts: what a request of an earlier one brings is dropped. */
  #run = 0;
  /** Work of the store that is under way. A flush waits for what was begun before it. */
  readonly #busy = new Set<Promise<void>>();
  /** Requests that wait for room on the host. */
  #waiting = 0;
  /** Requests that are done, by queue, to be handed back in the next `notify`. */
  readonly #done: { request: Request; status: number }[][];

  constructor(store: BlockStore, { serial = 'vitrine', queues = 1, isInOrder = false }: BlkOptions) {
    this.#store = store;
    this.#sectors = Math.floor(store.bytes / SECTOR);
    this.#serial = new TextEncoder().encode(serial).slice(0, ID_BYTES);
    this.#isInOrder = isInOrder;
    this.queues = new Array<number>(queues).fill(DESCRIPTORS);
    this.#done = this.queues.map(() => []);
    const always =
      BLK_F.sizeMax | BLK_F.segMax | BLK_F.blkSize | BLK_F.flush | BLK_F.topology | BLK_F.configWce;
    const several = queues > 1 ? BLK_F.mq : 0n;
    const changing = BLK_F.writeZeroes | (store.discard ? BLK_F.discard : 0n);
    this.features = always | several | (store.isReadonly ? BLK_F.readonly : changing);
  }

  /** struct virtio_blk_config: 5.2.4. */
  config(): Uint8Array {
    const bytes = new Uint8Array(CONFIG_BYTES);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(this.#sectors), true);
    view.setUint32(8, SEGMENT_BYTES, true);
    view.setUint32(12, SEGMENTS, true);
    view.setUint32(20, SECTOR, true);
    view.setUint8(24, PHYSICAL_EXPONENT);
    view.setUint16(26, 1 << PHYSICAL_EXPONENT, true);
    view.setUint8(WRITEBACK_OFFSET, 1);
    view.setUint16(34, this.queues.length, true);
    view.setUint32(36, DISCARD_SECTORS, true);
    view.setUint32(40, RANGES, true);
    view.setUint32(44, 1 << PHYSICAL_EXPONENT, true);
    view.setUint32(48, ZERO_SECTORS, true);
    view.setUint32(52, RANGES, true);
    view.setUint8(56, 1);
    return bytes;
  }

  start(device: Device): void {
    this.#device = device;
    this.#run++;
  }

  configWritten(offset: number, bytes: Uint8Array): void {
    const writeback = bytes[WRITEBACK_OFFSET - offset];
    if (writeback !== undefined && this.#device) this.#device.state[0] = writeback === 0 ? WRITE_THROUGH : 0;
  }

  async notify(index: number): Promise<void> {
    const queue = this.#device?.queues[index];
    if (!queue) return;
    for (const { request, status } of this.#done[index]?.splice(0) ?? []) await this.#finish(request, status);
    for (let chain = await queue.pop(); chain !== undefined; chain = await queue.pop())
      await this.#take(queue, chain);
    await queue.interrupt();
  }

  stop(): void {
    this.#device = undefined;
    this.#run++;
    for (const done of this.#done) done.length = 0;
  }

  /** Lets go of the disk, when what is under way is over. */
  async close(): Promise<void> {
    await Promise.all(this.#busy);
    await this.#store.close();
  }

  /** Takes a request: it is handed back here, or in a later `notify` when its store answers later. */
  async #take(queue: Queue, chain: Chain): Promise<void> {
    if (chain.readable < HEADER || chain.writable < 1) {
      await queue.push(chain, 0);
      return;
    }
    const isTooLong = Math.max(chain.readable, chain.writable) > DATA_MAX + HEADER;
    const request = { queue, chain, data: new Uint8Array(isTooLong ? 0 : chain.writable - 1) };
    let work: Promise<void> | undefined;
    try {
      if (isTooLong) throw new Refused(BLK_S.ioErr, `a request has more data than ${DATA_MAX} bytes`);
      const bytes = new Uint8Array(chain.readable);
      if ((await chain.read(0, bytes)) < bytes.length)
        throw new Refused(BLK_S.ioErr, 'a request lies where there is no memory');
      work = this.#patiently(() => this.#carryOut(bytes, request.data)) ?? undefined;
    } catch (error) {
      await this.#finish(request, this.#statusOf(error));
      return;
    }
    if (work === undefined) await this.#finish(request, BLK_S.ok);
    else if (this.#isInOrder) await this.#finish(request, await this.#ended(work));
    else this.#await(request, work);
  }

  /** Does `work`, again and again while its host has no room: the guest waits, and loses nothing. */
  #patiently(work: () => void | Promise<void>): void | Promise<void> {
    try {
      const doing = work();
      return doing instanceof Promise ? doing.catch((error) => this.#untilRoom(error, work)) : doing;
    } catch (error) {
      // Where the guest stands until a request is over, nobody could make room.
      if (this.#isInOrder || !isKvmError(error, 'ENOSPC')) throw error;
      return this.#untilRoom(error, work);
    }
  }

  async #untilRoom(why: unknown, work: () => void | Promise<void>): Promise<void> {
    if (this.#isInOrder || !isKvmError(why, 'ENOSPC')) throw why;
    const run = this.#run;
    this.#waiting++;
    this.#device?.report({ waiting: why.message });
    try {
      for (;;) {
        await new Promise<void>((resolve) => setTimeout(resolve, ROOM_MS));
        if (run !== this.#run) throw why;
        try {
          return await work();
        } catch (error) {
          if (!isKvmError(error, 'ENOSPC')) throw error;
        }
      }
    } finally {
      this.#waiting--;
      if (this.#waiting === 0) this.#device?.report({});
    }
  }

  /** Hands a request back once `work` is over. */
  #await(request: Request, work: Promise<void>): void {
    const run = this.#run;
    const over = this.#ended(work).then((status) => {
      this.#busy.delete(over);
      if (run !== this.#run) return;
      this.#done[request.queue.index]?.push({ request, status });
      this.#device?.wake(request.queue.index);
    });
    this.#busy.add(over);
  }

  async #ended(work: Promise<void>): Promise<number> {
    try {
      await work;
      return BLK_S.ok;
    } catch (error) {
      return this.#statusOf(error);
    }
  }

  /** The status of a request that failed; what the disk says is told to who looks at the device. */
  #statusOf(error: unknown): number {
    if (error instanceof Refused) return error.status;
    this.#device?.report({ error: sentenceOf(error) });
    return BLK_S.ioErr;
  }

  async #finish({ queue, chain, data }: Request, status: number): Promise<void> {
    if (status === BLK_S.ok && data.length > 0) await chain.write(0, data);
    await chain.write(chain.writable - 1, Uint8Array.of(status));
    await queue.push(chain, chain.writable);
  }

  /** Does what the driver has written, and fills what it reads. Throws Refused, or what the store throws. */
  #carryOut(bytes: Uint8Array, into: Uint8Array): void | Promise<void> {
    const view = new DataView(bytes.buffer);
    const type = view.getUint32(0, true);
    const from = bytes.subarray(HEADER);
    switch (type) {
      case BLK_T.in:
        return this.#store.read(this.#place(view, into.length), into);
      case BLK_T.out:
        return this.#written(this.#store.write(this.#changed(view, from.length), from));
      case BLK_T.flush:
        return this.#flush();
      case BLK_T.getId:
        into.set(this.#serial.subarray(0, into.length));
        return;
      case BLK_T.discard:
      case BLK_T.writeZeroes:
        return this.#written(this.#clear(type, from));
      default:
        throw new Refused(BLK_S.unsupported, `requests of type ${type} are not known`);
    }
  }

  /** The offset of a request of `length` bytes, which lies inside the disk. */
  #place(view: DataView, length: number): number {
    const sector = view.getBigUint64(8, true);
    this.#check(sector, length);
    return Number(sector) * SECTOR;
  }

  #changed(view: DataView, length: number): number {
    if (this.#store.isReadonly) throw new Refused(BLK_S.ioErr, 'the disk is read only');
    return this.#place(view, length);
  }

  #check(sector: bigint, length: number): void {
    if (length % SECTOR !== 0 || sector + BigInt(length / SECTOR) > BigInt(this.#sectors))
      throw new Refused(BLK_S.ioErr, 'a request is not of whole sectors of the disk');
  }

  /** What a write ends with: a flush, where the driver knows of none or has asked for it. */
  #written(work: void | Promise<void>): void | Promise<void> {
    const { features = 0n, state } = this.#device ?? {};
    const isThrough = (features & BLK_F.flush) === 0n || state?.[0] === WRITE_THROUGH;
    if (!isThrough) return work;
    return work instanceof Promise ? work.then(() => this.#store.flush()) : this.#store.flush();
  }

  /** What was begun before it is over, then all is on the medium. */
  #flush(): void | Promise<void> {
    if (this.#busy.size === 0) return this.#store.flush();
    return Promise.all(this.#busy).then(() => this.#store.flush());
  }

  /** DISCARD and WRITE_ZEROES: ranges of sector (64 bits), count and flags (32 bits each). All are looked at first. */
  #clear(type: number, bytes: Uint8Array): void | Promise<void> {
    const isDiscard = type === BLK_T.discard;
    if (this.#store.isReadonly) throw new Refused(BLK_S.ioErr, 'the disk is read only');
    if (isDiscard && !this.#store.discard) throw new Refused(BLK_S.unsupported, 'the disk takes no discards');
    if (bytes.length === 0 || bytes.length % 16 !== 0 || bytes.length / 16 > RANGES)
      throw new Refused(BLK_S.ioErr, 'a request has a part of a range, or too many');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const ranges = Array.from({ length: bytes.length / 16 }, (_, index) => {
      const sector = view.getBigUint64(index * 16, true);
      const sectors = view.getUint32(index * 16 + 8, true);
      const flags = view.getUint32(index * 16 + 12, true);
      if (flags & ~(isDiscard ? 0 : UNMAP)) throw new Refused(BLK_S.unsupported, 'a range has unknown flags');
      if (sectors > (isDiscard ? DISCARD_SECTORS : ZERO_SECTORS))
        throw new Refused(BLK_S.ioErr, 'a range is too long');
      this.#check(sector, sectors * SECTOR);
      return {
        offset: Number(sector) * SECTOR,
        length: sectors * SECTOR,
        mayUnmap: isDiscard || flags === UNMAP,
      };
    });
    const works = ranges.map(({ offset, length, mayUnmap }) =>
      mayUnmap && this.#store.discard
        ? this.#store.discard(offset, length)
        : this.#store.write(offset, new Uint8Array(length)),
    );
    if (works.some((work) => work instanceof Promise)) return Promise.all(works).then(() => {});
  }
}

/** A disk for a guest, over `store`, which is closed with it. */
export function blk(store: BlockStore, options: BlkOptions = {}): Backend {
  return new Blk(store, options);
}
