// The page of the network test: two machines in one tab, on one network. Each runs its script and powers off.
import { startSession } from '../../../web/session/index.ts';

/** The machine's part of the test. */
interface Part {
  readonly engine: 'parallel' | 'deterministic';
  readonly script: string;
}

async function bytesOf(path: string): Promise<Uint8Array> {
  return new Uint8Array(await (await fetch(path)).arrayBuffer());
}

/** Runs Linux with a network card to its end; what it said on its serial port. */
async function run(guest: string, { engine, script }: Part): Promise<string> {
  const [kernel, initrd] = await Promise.all([
    bytesOf(`guests/${guest}.vmlinuz`),
    bytesOf(`guests/${guest}.initrd.gz`),
  ]);
  const session = await startSession(
    {
      memory: 256 << 20,
      cpus: 1,
      engine,
      devices: [{ kind: 'net', network: 'lan' }],
      program: { kind: 'kernel', kernel, initrd, append: `console=ttyS0 quiet run="${script}"` },
    },
    undefined,
    { networks: { lan: { name: 'one-tab', page: new URL('.', document.baseURI).href } } },
  );
  let said = '';
  session.onConsole((bytes) => {
    said += new TextDecoder('latin1').decode(bytes);
  });
  const ended = new Promise<void>((resolve) => {
    session.onStatus(({ state }) => {
      if (state === 'ended') resolve();
    });
  });
  await session.run();
  await ended;
  await session.close();
  return said;
}

Object.assign(globalThis, {
  runAll: (guest: string, parts: readonly Part[]) => Promise.all(parts.map((part) => run(guest, part))),
});
document.title = 'ready';
