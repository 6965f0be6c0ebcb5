// The serial console as streams: `console` takes bytes out as a terminal does, `dev/serial0/out` only looks at them.

import { CONSOLE_IN_RING, CONSOLE_OUT_RING } from '../../assembly/abi/map.ts';
import { V_WAKE } from '../../assembly/abi/vcpu_page.ts';
import { Ring } from '../devices/index.ts';
import {
  type FileNode,
  readiness,
  type Stream,
  type Subscribe,
  streamFile,
  subscribeTo,
} from '../fs/index.ts';
import { KvmError, vcpuPage } from '../kvm/index.ts';
import type { VmEntry } from './vm_entry.ts';
import { onTick } from './words.ts';

/** How long one wait for bytes lasts, in ms: a reader that has left is noticed then. */
const LOOK_MS = 250;
/** How often a full input ring is looked at, in ms. */
const ROOM_MS = 4;

function ringAt(entry: VmEntry, offset: number): Ring {
  const { memory } = entry.vm;
  if (entry.machine.board === undefined)
    throw new KvmError('ENXIO', 'this VM has no serial port: write pc to dev/board first');
  return Ring.at(memory.wasm.buffer, memory.base + offset);
}

const onBytes = (ring: Ring, seen: () => boolean): Subscribe =>
  subscribeTo(async (signal) => {
    while (!signal.aborted && !seen()) await ring.waitAsync(LOOK_MS);
  });

/** Puts bytes into the serial port's input and wakes the vCPU that looks after it; how many there was room for. */
export function typeBytes(entry: VmEntry, bytes: Uint8Array): number {
  const { memory } = entry.vm;
  if (entry.input !== undefined) {
    entry.input(bytes.slice());
    return bytes.length;
  }
  const taken = ringAt(entry, CONSOLE_IN_RING).offer(bytes);
  if (entry.machine.isDeterministic) entry.runner.nudge();
  else {
    memory.add(vcpuPage(memory, 0) + V_WAKE, 1);
    memory.notify(vcpuPage(memory, 0) + V_WAKE);
  }
  return taken;
}

const input = (entry: VmEntry): Pick<Stream, 'put'> => ({ put: (bytes) => typeBytes(entry, bytes) });

/** `console`: what the guest has printed goes to whoever reads first; what is written is typed. One node a VM. */
export function consoleFile(entry: VmEntry): FileNode {
  let readers = 0;
  return streamFile({
    mode: 0o644,
    readChanges: true,
    open: (flags) => {
      const ring = ringAt(entry, CONSOLE_OUT_RING);
      const reads = (flags & 3) !== 1;
      // A guest that prints waits for a reader instead of losing bytes, as long as one is there.
      if (reads && readers++ === 0) ring.attach();
      return {
        ...input(entry),
        take(length) {
          if (!entry.isAlive) return new Uint8Array(0);
          return ring.length > 0 ? ring.read(length) : undefined;
        },
        poll: () => readiness(!entry.isAlive || ring.length > 0, true),
        onReady: entry.orGone((listener) => {
          const offs = [onBytes(ring, () => ring.length > 0)(listener), onTick(ROOM_MS * 16)(listener)];
          return () => {
            for (const off of offs) off();
          };
        }),
        close() {
          // The ring of a VM that is gone may be another's by now.
          if (reads && --readers === 0 && entry.isAlive) ring.detach();
        },
      };
    },
  });
}

/** `dev/serial0/in`: what is written is typed. */
export function serialInFile(entry: VmEntry): FileNode {
  return streamFile({
    mode: 0o222,
    open: () => ({
      ...input(entry),
      poll: () => readiness(false, true),
      onReady: entry.orGone(onTick(ROOM_MS)),
    }),
  });
}

/** `dev/serial0/out`: all that is printed, from the oldest byte that is still there, for any number of readers. */
export function serialOutFile(entry: VmEntry): FileNode {
  return streamFile({
    mode: 0o444,
    open: () => {
      const ring = ringAt(entry, CONSOLE_OUT_RING);
      let at = Math.max(0, ring.written - ring.capacity);
      const waiting = () => (ring.written - at) >>> 0;
      return {
        take(length) {
          if (!entry.isAlive) return new Uint8Array(0);
          // Who is slower than the ring is long loses the oldest bytes.
          const news = ring.recent(Math.min(waiting(), ring.capacity));
          if (news.length === 0) return undefined;
          const taken = news.subarray(0, length);
          at = (ring.written - (news.length - taken.length)) >>> 0;
          return taken;
        },
        poll: () => readiness(!entry.isAlive || waiting() > 0),
        onReady: entry.orGone(onBytes(ring, () => waiting() > 0)),
      };
    },
  });
}
