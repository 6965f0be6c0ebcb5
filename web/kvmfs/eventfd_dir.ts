// eventfd/, ioeventfd and irqfd of a VM: counters as files, and what KVM does with them, a line each.

import {
  boolean,
  type DirNode,
  decimal,
  directory,
  eventFile,
  type FileNode,
  hex,
  parseInteger,
  parseSettings,
  readiness,
  type Settings,
  type Subscribe,
  subscribeTo,
  text,
  valueFile,
} from '../fs/index.ts';
import {
  type Eventfd,
  ioeventfds,
  irqfds,
  isKvmError,
  KVM_IOEVENTFD_FLAG,
  KVM_IRQFD_FLAG,
  KvmError,
} from '../kvm/index.ts';
import type { VmEntry } from './vm_entry.ts';
import { onAny } from './words.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** How often a counter that is not 0 is looked at for whoever waits for room, in ms. */
const ROOM_MS = 4;

/** Calls back when a reader of `eventfd` or a writer may go on. */
const onCounter = (eventfd: Eventfd): Subscribe => {
  return (listener) => {
    let wasReadable = eventfd.readable;
    return subscribeTo(async (signal) => {
      if (eventfd.readable) await new Promise<void>((resolve) => setTimeout(resolve, ROOM_MS));
      // One that was taken since the last look has room now, and may never be readable again.
      else if (!wasReadable) await eventfd.ready(signal);
      wasReadable = eventfd.readable;
    })(listener);
  };
};

/** An eventfd: a read waits until its counter is not 0 and takes it, a write adds to it. */
function eventfdFile(entry: VmEntry, name: string, eventfd: Eventfd): FileNode {
  const isGone = () => !entry.isAlive || entry.eventfds.get(name) !== eventfd;
  return eventFile({
    mode: 0o644,
    open: () => ({
      take() {
        if (isGone()) return new Uint8Array(0);
        const count = eventfd.read();
        return count === undefined ? undefined : encoder.encode(`${count}\n`);
      },
      put(bytes) {
        if (isGone()) throw new KvmError('EBADF', `the eventfd '${name}' is closed`);
        try {
          eventfd.signal(parseInteger(decoder.decode(bytes.slice()).trim()));
        } catch (error) {
          // A full counter: write(2) waits for a reader.
          if (isKvmError(error, 'EAGAIN')) return 0;
          throw error;
        }
        return bytes.length;
      },
      poll: () => (isGone() ? readiness(true, true) : readiness(eventfd.readable, eventfd.writable)),
      onReady: entry.orGone(onAny(entry.eventfds.watch, onCounter(eventfd))),
    }),
  });
}

/** eventfd/: making a file is eventfd(2), removing it close(2). */
export function eventfdDir(entry: VmEntry): DirNode {
  const { eventfds } = entry;
  const file = (name: string) => eventfdFile(entry, name, eventfds.need(name));
  return directory(() => eventfds.names.map((name) => [name, () => file(name)] as const), {
    create(name) {
      eventfds.create(name);
      return file(name);
    },
    unlink: (name) => eventfds.close(name),
    watch: eventfds.watch,
  });
}

/** One line of a write: what it names, and whether it takes that away. */
interface Line<S> {
  readonly settings: S;
  readonly off: boolean;
}

/** The lines of a write; those that begin with `-` or `deassign` take away. EINVAL names the wrong word. */
function linesOf<S>(written: string, parse: (line: string) => S): Line<S>[] {
  const lines = written.split('\n').map((line) => line.trim());
  const given = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (given.length === 0)
    throw new KvmError('EINVAL', 'write a line as a read shows them, with - before it to take it away');
  return given.map((line) => {
    const words = line.replace(/^(-|deassign\s)\s*/, '');
    return { settings: parse(words), off: words !== line };
  });
}

/** A file of lines; all of them are read before the first is carried out. */
function linesFile<S>(
  entry: VmEntry,
  list: () => { line: string; eventfd: number }[],
  parse: (line: string) => S,
  carryOut: (line: Line<S>) => void,
): FileNode {
  /** Whose eventfd it is: a file's, a module's, or nobody's any more. */
  const named = ({ line, eventfd }: { line: string; eventfd: number }) => {
    const name = entry.eventfds.nameAt(eventfd);
    if (name !== undefined) return `${line} eventfd=${name}`;
    const holder = entry.vm
      .pins()
      .find(({ attachments }) => attachments.some(({ place }) => place === eventfd));
    return holder ? `# ${line} of ${holder.kind} ${holder.name}` : `# ${line} of an eventfd that is closed`;
  };
  return valueFile({
    get: () => list().map(named).join('\n'),
    set: (written) => {
      for (const line of linesOf(written, parse)) carryOut(line);
    },
  });
}

const BELL = { addr: hex(), len: decimal(), datamatch: hex(), pio: boolean, eventfd: text } as const;

/** `ioeventfd`: KVM_IOEVENTFD. */
export function ioeventfdFile(entry: VmEntry): FileNode {
  const flagsOf = ({ datamatch, pio }: Settings<typeof BELL>, off: boolean): number =>
    (datamatch === undefined ? 0 : KVM_IOEVENTFD_FLAG.DATAMATCH) |
    (pio ? KVM_IOEVENTFD_FLAG.PIO : 0) |
    (off ? KVM_IOEVENTFD_FLAG.DEASSIGN : 0);
  return linesFile(
    entry,
    () =>
      ioeventfds(entry.vm.memory).map(({ addr, len, datamatch, pio, eventfd }) => {
        const match = datamatch === undefined ? '' : ` datamatch=${hex().format(datamatch)}`;
        return { line: `addr=${hex().format(addr)} len=${len}${match}${pio ? ' pio=1' : ''}`, eventfd };
      }),
    (line) => {
      const settings = parseSettings(BELL, line);
      const { addr, eventfd } = settings;
      if (addr === undefined || eventfd === undefined)
        throw new KvmError('EINVAL', `'${line}' needs addr= and eventfd=`);
      return { settings, addr, fd: entry.eventfds.need(eventfd) };
    },
    ({ settings: { settings, addr, fd }, off }) => {
      const { len = 0, datamatch = 0n } = settings;
      entry.vm.ioeventfd({ fd, addr, len, datamatch, flags: flagsOf(settings, off) });
    },
  );
}

const LINE = { gsi: decimal(0, 2 ** 32 - 1), eventfd: text, resample: text } as const;

/** `irqfd`: KVM_IRQFD. */
export function irqfdFile(entry: VmEntry): FileNode {
  return linesFile(
    entry,
    () =>
      irqfds(entry.vm.memory).map(({ gsi, eventfd, resamplefd }) => {
        const resample = resamplefd && entry.eventfds.nameAt(resamplefd);
        return { line: `gsi=${gsi}${resample ? ` resample=${resample}` : ''}`, eventfd };
      }),
    (line) => {
      const { gsi, eventfd, resample } = parseSettings(LINE, line);
      if (gsi === undefined || eventfd === undefined)
        throw new KvmError('EINVAL', `'${line}' needs gsi= and eventfd=`);
      const resamplefd = resample === undefined ? undefined : entry.eventfds.need(resample);
      return { gsi, fd: entry.eventfds.need(eventfd), resamplefd };
    },
    ({ settings: { gsi, fd, resamplefd }, off }) => {
      if (off) entry.vm.irqfd({ fd, gsi, flags: KVM_IRQFD_FLAG.DEASSIGN });
      else if (resamplefd) entry.vm.irqfd({ fd, gsi, resamplefd, flags: KVM_IRQFD_FLAG.RESAMPLE });
      else entry.vm.irqfd({ fd, gsi });
    },
  );
}
