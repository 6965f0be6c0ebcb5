// The tree of the 9p tests: plain files, values, an event file and a console.
import {
  boolean,
  directory,
  Emitter,
  eventFile,
  LocalFs,
  MountTable,
  memoryTree,
  POLLIN,
  S_IFREG,
  type Stream,
  streamFile,
  valueFile,
} from '../../../web/fs/index.ts';
import { P9Server, type P9Session } from '../../../web/p9/index.ts';
import { Client } from './client.ts';

const encoder = new TextEncoder();

/** A stream to which a test says lines. */
export function makeStream() {
  const lines: Uint8Array[] = [];
  const said = new Emitter();
  const stream: Stream = {
    take: (length) => {
      const line = lines.shift();
      if (line && line.length > length) lines.unshift(line.subarray(length));
      return line?.slice(0, length);
    },
    poll: () => (lines.length > 0 ? POLLIN : 0),
    onReady: said.on,
  };
  return {
    stream,
    say(line: string) {
      lines.push(encoder.encode(line));
      said.emit();
    },
  };
}

/** A served tree with a client whose fid 0 is `aname` in it. */
export async function serve(options: { path?: string; aname?: string; msize?: number } = {}) {
  const values = { paused: true, counter: 0, writes: [] as string[] };
  const event = makeStream();
  const console = makeStream();
  const vm = directory([
    [
      'paused',
      valueFile({
        ...boolean,
        get: () => values.paused,
        set: (value) => {
          values.paused = value;
        },
      }),
    ],
    ['counter', valueFile({ get: () => String(values.counter++) })],
    [
      'log',
      valueFile({
        set: (text) => {
          values.writes.push(text);
        },
      }),
    ],
    ['event', eventFile({ mode: 0o444, open: () => event.stream })],
    ['console', streamFile({ mode: 0o644, open: () => console.stream })],
    [
      'broken',
      {
        kind: 'file',
        attributes: () => ({ mode: S_IFREG | 0o644, size: 0, ino: 0n, mtime: 0 }),
        open: () => {
          throw new TypeError('a fault of the tree');
        },
      },
    ],
  ]);
  const table = new MountTable();
  table.mount('/home', memoryTree({ limit: 8 << 20 }));
  table.mount('/kvm', directory([['vm0', vm]]));
  const fs = new LocalFs(table.root);
  await fs.mkdir('/home/a');
  await fs.writeFile('/home/a/file', 'hello');
  const server = new P9Server({ fs, ...(options.path && { path: options.path }) });
  const open = (): P9Session => server.open();
  const client = await new Client(open()).mount(options.msize, options.aname);
  return { fs, server, client, values, event, console };
}
