// `vitrine image DISK NEW`: what a disk reads as, as a new raw image; so an overlay is committed, and what it was made on stays.
import { defineCommand } from 'citty';
import { copyImage, diskOf } from '../disk/index.ts';
import { createNodeImage } from '../disk/node_file.ts';
import { openDisk } from '../disk/open_node.ts';
import { diskOfText } from './device_options.ts';

async function commit(text: string, path: string): Promise<void> {
  const { words } = diskOfText(text);
  const from = await openDisk(diskOf(words));
  try {
    createNodeImage(path, from.bytes);
    const to = await openDisk({ kind: 'file', path });
    try {
      await copyImage(from, to);
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

export const imageCommand = defineCommand({
  meta: { name: 'image', description: 'Write a disk as a new raw image: an overlay with its base, or a URL' },
  args: {
    disk: {
      type: 'positional',
      description: 'A disk as in run --disk: base.img,changes=mine.overlay',
      required: true,
    },
    image: { type: 'positional', description: 'The new file', required: true },
  },
  async run({ args }) {
    try {
      await commit(args.disk, args.image);
    } catch (error) {
      console.error(`vitrine image: ${(error as Error).message}`);
      process.exitCode = 2;
    }
  },
});
