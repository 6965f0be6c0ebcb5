// The memory tree beside the host's own file system: random calls give the same answers and leave the same tree.
import * as host from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Fs, LocalFs, memoryTree, type OpenFile } from '../../../web/fs/index.ts';

type FileHandle = Awaited<ReturnType<typeof host.promises.open>>;

/** One call on both sides. Handles are slots that hold what was opened last in them. */
type Call =
  | { do: 'open'; slot: number; path: string; flags: 'r' | 'r+' | 'w' | 'w+' | 'wx' | 'a' | 'a+' }
  | { do: 'close'; slot: number }
  | { do: 'read'; slot: number; length: number; position: number | undefined }
  | { do: 'write'; slot: number; data: Uint8Array; position: number | undefined }
  | { do: 'truncate'; slot: number; size: number }
  | { do: 'rename'; path: string; to: string }
  | { do: 'mkdir' | 'rmdir' | 'unlink' | 'readdir' | 'stat' | 'readFile'; path: string };

/** Answers of one side, in a form in which both can be compared. */
interface Side {
  run(call: Call): Promise<unknown>;
  end(): Promise<void>;
}

function oursOf(fs: Fs): Side {
  const files: (OpenFile | undefined)[] = [];
  return {
    async run(call) {
      switch (call.do) {
        case 'open':
          await files[call.slot]?.close();
          files[call.slot] = undefined;
          files[call.slot] = await fs.open(call.path, call.flags);
          return undefined;
        case 'close':
          return files[call.slot]?.close();
        case 'read':
          return files[call.slot]?.read(call.length, call.position);
        case 'write':
          return files[call.slot]?.write(call.data, call.position);
        case 'truncate':
          return files[call.slot]?.truncate(call.size);
        case 'rename':
          return fs.rename(call.path, call.to);
        case 'readdir':
          return (await fs.readdir(call.path)).map(({ name, isDirectory }) => ({ name, isDirectory }));
        case 'stat': {
          const { isDirectory, size, mode } = await fs.stat(call.path);
          return { isDirectory, size: isDirectory ? 0 : size, mode };
        }
        default:
          return fs[call.do](call.path);
      }
    },
    end: async () => {
      for (const file of files) await file?.close();
    },
  };
}

function hostsOf(folder: string): Side {
  const at = (path: string) => `${folder}${path}`;
  const files: (FileHandle | undefined)[] = [];
  const closed = new Set<FileHandle>();
  const close = async (slot: number) => {
    const file = files[slot];
    if (!file || closed.has(file)) return;
    closed.add(file);
    await file.close();
  };
  return {
    async run(call) {
      switch (call.do) {
        case 'open': {
          await close(call.slot);
          files[call.slot] = undefined;
          // Directories have no handles in our tree.
          const file = await host.promises.open(at(call.path), call.flags);
          if ((await file.stat()).isDirectory()) {
            await file.close();
            throw Object.assign(new Error(), { code: 'EISDIR' });
          }
          files[call.slot] = file;
          return undefined;
        }
        case 'close':
          return close(call.slot);
        case 'read': {
          const file = files[call.slot];
          if (!file) return undefined;
          const buffer = new Uint8Array(call.length);
          const { bytesRead } = await file.read(buffer, 0, call.length, call.position ?? null);
          return buffer.slice(0, bytesRead);
        }
        case 'write': {
          const file = files[call.slot];
          if (!file) return undefined;
          return (await file.write(call.data, 0, call.data.length, call.position ?? null)).bytesWritten;
        }
        case 'truncate':
          return files[call.slot]?.truncate(call.size);
        case 'rename':
          return host.promises.rename(at(call.path), at(call.to));
        case 'readdir': {
          const entries = await host.promises.readdir(at(call.path), { withFileTypes: true });
          return entries
            .map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }))
            .sort((a, b) => (a.name < b.name ? -1 : 1));
        }
        case 'stat': {
          const stats = await host.promises.stat(at(call.path));
          const size = stats.isDirectory() ? 0 : stats.size;
          return { isDirectory: stats.isDirectory(), size, mode: stats.mode };
        }
        case 'readFile':
          return new Uint8Array(await host.promises.readFile(at(call.path)));
        default:
          return host.promises[call.do](at(call.path));
      }
    },
    end: async () => {
      for (const slot of files.keys()) await close(slot);
    },
  };
}

async function answer(side: Side, call: Call): Promise<unknown> {
  try {
    return { result: await side.run(call) };
  } catch (error) {
    return { code: (error as { code?: string }).code ?? String(error) };
  }
}

const name = fc.constantFrom('a', 'b', 'c');
/** Mostly plain paths up to three names deep, some with dots and trailing slashes; never as far up as the root. */
const path = fc
  .tuple(
    fc.array(fc.oneof({ weight: 12, arbitrary: name }, fc.constantFrom('.', '..')), { maxLength: 3 }),
    fc.nat(9),
  )
  .map(([names, end]) => `/1/2/3/4/${names.join('/')}${end === 0 && names.length > 0 ? '/' : ''}`);
const slot = fc.nat(1);
const position = fc.option(fc.nat(9000), { nil: undefined });
const call: fc.Arbitrary<Call> = fc.oneof(
  fc.record({
    do: fc.constant('open' as const),
    slot,
    path,
    flags: fc.constantFrom('r', 'r+', 'w', 'w+', 'wx', 'a', 'a+'),
  }),
  fc.record({ do: fc.constant('close' as const), slot }),
  fc.record({ do: fc.constant('read' as const), slot, length: fc.integer({ min: 1, max: 5000 }), position }),
  fc.record({
    do: fc.constant('write' as const),
    slot,
    data: fc.uint8Array({ minLength: 1, maxLength: 20 }),
    position,
  }),
  fc.record({ do: fc.constant('truncate' as const), slot, size: fc.nat(9000) }),
  fc.record({ do: fc.constant('rename' as const), path, to: path }),
  fc.record({
    do: fc.constantFrom('mkdir', 'mkdir', 'rmdir', 'unlink', 'readdir', 'stat', 'readFile'),
    path,
  }),
);

test('random calls have the answers of the host’s own file system', async () => {
  const umask = process.umask(0o022);
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 20, maxLength: 60 }), async (calls) => {
        const folder = host.mkdtempSync(join(tmpdir(), 'vitrine-tree-'));
        const ours = oursOf(new LocalFs(memoryTree()));
        const theirs = hostsOf(folder);
        try {
          for (const top of ['/1', '/1/2', '/1/2/3', '/1/2/3/4']) {
            const setUp: Call = { do: 'mkdir', path: top };
            await Promise.all([ours.run(setUp), theirs.run(setUp)]);
          }
          for (const one of calls) expect(await answer(ours, one)).toEqual(await answer(theirs, one));
        } finally {
          await ours.end();
          await theirs.end();
          host.rmSync(folder, { recursive: true });
        }
      }),
      { numRuns: 150 },
    );
  } finally {
    process.umask(umask);
  }
}, 60_000);
