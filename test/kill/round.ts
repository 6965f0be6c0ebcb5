// One boot of the kill test: a guest writes to many disks at once, the workers that serve them are terminated one after the
// other at random moments, and each image is judged. It prints nothing.

import { readCore } from '../../web/cli/core_file.ts';
import { nodeThreads } from '../../web/cli/threads/node_threads.ts';
import { SessionClient } from '../../web/session/client.ts';
import type { MachineOptions } from '../../web/session/types.ts';
import { judge, makeImage } from './images.ts';

/** The boot, and the first record on every disk, may take so long, in ms. */
const PATIENCE_MS = 600_000;
/** Between two kills at most, in ms. */
const PAUSE_MS = 400;
/** Words that were on their way when the last disk went come within so long, in ms. */
const DRAIN_MS = 1000;
/** A machine that does not answer for so long stands, in ms. */
const STANDS_MS = 20_000;

export interface RoundOptions {
  readonly folder: string;
  readonly disks: number;
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array;
  readonly onWord?: (word: string) => void;
}

export interface Round {
  /** Records that the guest was told are on disk, by disk. */
  readonly told: number[];
  /** A sentence for each disk that lost something. */
  readonly lost: string[];
  /** The machine did not outlive the death of a worker: after so many kills nothing of it answered any more. */
  readonly stoodAfter: number | undefined;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function shuffled(count: number): number[] {
  const drawn = Array.from({ length: count }, (_, number) => ({ number, place: Math.random() }));
  return drawn.sort((a, b) => a.place - b.place).map(({ number }) => number);
}

/** Whether a call comes back while one may wait for it. */
function answers(call: Promise<unknown>): Promise<boolean> {
  return Promise.race([call.then(() => true), pause(STANDS_MS).then(() => false)]);
}

async function killDisk(session: SessionClient, disk: number): Promise<void> {
  // A name that is made in /modules stands for the module that runs under it.
  await session.fs.mkdir(`/modules/blk${disk}`);
  await session.fs.writeFile(`/modules/blk${disk}/signal`, 'kill\n');
}

/** Boots, kills every disk, and judges what is left of them. Rejects when the guest does not get so far. */
export async function killRound({ folder, disks, kernel, initrd, onWord }: RoundOptions): Promise<Round> {
  const images = Array.from({ length: disks }, (_, disk) => makeImage(folder, disk));
  const told = new Array<number>(disks).fill(0);
  const append = `console=ttyS0 quiet run="writer ${disks}"`;
  const given = { disks: Object.fromEntries(images.map((words, disk) => [`disk${disk}`, words])) };
  const options: MachineOptions = {
    memory: 256 << 20,
    cpus: 2,
    engine: 'parallel',
    devices: images.map((_, disk) => ({ kind: 'blk', disk: `disk${disk}` })),
    // The session takes the bytes away with it.
    program: { kind: 'kernel', kernel: new Uint8Array(kernel), initrd: new Uint8Array(initrd), append },
  };
  const port = nodeThreads.spawn('machine');
  const session = await SessionClient.start(port, 'parallel', readCore(), options, undefined, given);
  let stoodAfter: number | undefined;
  let kills = 0;
  try {
    const decoder = new TextDecoder('latin1');
    let text = '';
    session.onConsole((bytes) => {
      text += decoder.decode(bytes, { stream: true });
      const lines = text.split('\n');
      text = lines.pop() as string;
      for (const line of lines) {
        const ack = /^ack (\d+) (\d+)\s*$/.exec(line);
        if (ack) told[Number(ack[1])] = Number(ack[2]);
        else onWord?.(line.trimEnd());
      }
    });
    await session.run();
    const end = Date.now() + PATIENCE_MS;
    while (told.includes(0)) {
      if (session.status.state === 'ended' || Date.now() > end)
        throw new Error(`the guest did not write to every disk: ${told.join(' ')}`);
      await pause(20);
    }
    for (const disk of shuffled(disks)) {
      await pause(Math.random() * PAUSE_MS);
      if (!(await answers(killDisk(session, disk)))) {
        stoodAfter = kills + 1;
        break;
      }
      kills++;
    }
    await pause(DRAIN_MS);
  } finally {
    // With its worker end those of the disks, wherever they are.
    await answers(session.close());
    port.close();
    await pause(DRAIN_MS);
  }
  const lost: string[] = [];
  for (const [disk, words] of images.entries()) {
    const sentence = await judge(folder, disk, words, told[disk] as number);
    if (sentence !== undefined) lost.push(sentence);
  }
  return { told, lost, stoodAfter };
}
