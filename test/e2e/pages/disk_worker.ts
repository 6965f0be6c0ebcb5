// An overlay in the page's private files over an image behind a URL: says what it reads as, then changes it.
import { listOpfsDisks, openDisk } from '../../../web/disk/open_browser.ts';

/** Sectors that are looked at. */
const SECTORS = [0, 1, 100, 101, 2000];

async function live(url: string): Promise<object> {
  const options = {
    kind: 'overlay',
    base: { kind: 'http', url },
    upper: { kind: 'opfs', name: 'changes' },
  } as const;
  const disk = await openDisk(options);
  const second = await openDisk(options).catch((error: { code?: string }) => error.code);
  const content = new Uint8Array(disk.bytes);
  await disk.read(0, content);
  const sectors = SECTORS.map((sector) => content[sector * 512]);
  // Told to be on the medium, in part over what is there already; then something that is not.
  await disk.write(100 * 512, new Uint8Array(512).fill((sectors[2] as number) + 100));
  await disk.write(2000 * 512, new Uint8Array(90_000).fill(7));
  await disk.discard?.(0, 512);
  await disk.flush();
  await disk.write(101 * 512, new Uint8Array(512).fill(99));
  return { sectors, second, disks: await listOpfsDisks() };
}

addEventListener('message', async ({ data }: MessageEvent<string>) => {
  postMessage(await live(data).catch((error: Error) => ({ error: error.message })));
});
