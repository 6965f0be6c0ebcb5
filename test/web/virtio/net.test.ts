// The network card against a driver of the tests: frames, merged buffers, checksums, the control queue.
import { describe, expect, test } from 'vitest';
import type { FrameListener } from '../../../web/net/index.ts';
import { ethernetFrame } from '../../../web/net/wire/ethernet.ts';
import { PROTOCOL, writeIpv4 } from '../../../web/net/wire/ipv4.ts';
import { hasGoodChecksum } from '../../../web/net/wire/offload.ts';
import { udpPayload } from '../../../web/net/wire/udp.ts';
import { NET_F, net } from '../../../web/virtio/net.ts';
import { vmWithRam } from '../xinterface/support.ts';
import { deviceOf, VERSION_1 } from './driver.ts';

const MAC = 0x525400123456;
const BUFFER = 0x80000;
const OUT = 0x70000;
const ALL = VERSION_1 | Object.values(NET_F).reduce((sum, bit) => sum | bit, 0n);

/** A card with its driver and the far end of its cable. */
async function card(features = ALL) {
  const sent: Uint8Array[] = [];
  let listener: FrameListener = () => {};
  const link = {
    send: (frame: Uint8Array) => sent.push(frame),
    onFrame: (listen: FrameListener) => {
      listener = listen;
      return () => {};
    },
  };
  const vm = vmWithRam(0x100000);
  const device = deviceOf(net({ link, mac: MAC }), vm);
  const queues = await device.start(features, 64);
  const [rx, tx, control] = queues;
  const arrive = async (frame: Uint8Array) => {
    listener(frame);
    await device.settle();
  };
  /** Gives the card buffers of these sizes, one behind the other in memory. */
  let gpa = BUFFER;
  const give = async (...sizes: number[]) => {
    for (const length of sizes) {
      rx?.add([{ gpa, length, isTarget: true }]);
      gpa += length;
    }
    await device.ring(0);
  };
  const transmit = async (header: number[], frame: Uint8Array) => {
    vm.write(
      OUT,
      Uint8Array.from({ length: 12 }, (_, at) => header[at] ?? 0),
    );
    vm.write(OUT + 12, frame);
    tx?.add([{ gpa: OUT, length: 12 + frame.length }]);
    await device.ring(1);
  };
  const command = async (...bytes: number[]) => {
    vm.write(OUT, Uint8Array.from(bytes));
    control?.add([
      { gpa: OUT, length: bytes.length },
      { gpa: OUT + 0x1000, length: 1, isTarget: true },
    ]);
    await device.ring(2);
    return vm.read(OUT + 0x1000, 1)[0];
  };
  const takeRx = () => rx?.take().map(({ written }) => written) ?? [];
  return { vm, sent, device, arrive, give, transmit, command, takeRx };
}

/** A UDP frame for the card. */
function udpFrame(length = 100, to = MAC): Uint8Array {
  const data = Uint8Array.from({ length }, (_, at) => at);
  const payload = udpPayload({ sourcePort: 1, destinationPort: 2, data }, 0x0a000001, 0x0a000002);
  const frame = ethernetFrame(to, 0x525400000009, 0x0800, 20 + payload.length);
  writeIpv4(frame, 0x0a000001, 0x0a000002, PROTOCOL.UDP, payload.length);
  frame.set(payload, 34);
  return frame;
}

describe('a network card', () => {
  test('sends what stands behind the header', async () => {
    const { sent, transmit } = await card();
    await transmit([], udpFrame());
    expect(sent).toEqual([udpFrame()]);
  });

  test('completes a checksum that the driver has left open', async () => {
    const { sent, transmit } = await card();
    const frame = udpFrame();
    // The pseudo header: 10.0.0.1, 10.0.0.2, UDP, length 108.
    frame.set([0x14, 0x00 + 3 + 17 + 108], 40);
    expect(hasGoodChecksum(frame)).toBe(false);
    await transmit([1, 0, 0, 0, 0, 0, 34, 0, 6, 0], frame);
    expect(sent).toEqual([udpFrame()]);
  });

  test('refuses checksums outside of the frame, frames without bytes and giants', async () => {
    const { sent, transmit } = await card();
    await transmit([1, 0, 0, 0, 0, 0, 0xff, 0xff, 6, 0], udpFrame());
    await transmit([], new Uint8Array(0));
    await transmit([], new Uint8Array(1519));
    expect(sent).toEqual([]);
  });

  test('puts a frame into one buffer and says that its checksum is right', async () => {
    const { vm, arrive, give, takeRx } = await card();
    await give(1526);
    await arrive(udpFrame());
    expect(takeRx()).toEqual([12 + 142]);
    expect([...vm.read(BUFFER, 12)]).toEqual([2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    expect(vm.read(BUFFER + 12, 142)).toEqual(udpFrame());
  });

  test('says nothing of a checksum that is wrong, or to a driver that does not ask', async () => {
    const wrong = udpFrame();
    wrong[60] = 0xee;
    const one = await card();
    await one.give(1526);
    await one.arrive(wrong);
    expect(one.vm.read(BUFFER, 1)[0]).toBe(0);
    const two = await card(ALL & ~NET_F.GUEST_CSUM);
    await two.give(1526);
    await two.arrive(udpFrame());
    expect(two.vm.read(BUFFER, 1)[0]).toBe(0);
  });

  test('merges small buffers, and waits for as many as a frame needs', async () => {
    const { vm, arrive, give, takeRx } = await card();
    await give(64, 64);
    await arrive(udpFrame());
    expect(takeRx()).toEqual([]);
    await give(64);
    expect(takeRx()).toEqual([64, 64, 26]);
    expect(vm.read(BUFFER + 10, 1)[0]).toBe(3);
  });

  test('keeps frames until there are buffers, as many as it has room for', async () => {
    const { arrive, give, takeRx } = await card();
    for (let n = 0; n < 100; n += 1) await arrive(udpFrame(1));
    await give(...Array(60).fill(200));
    expect(takeRx().length).toBe(60);
  });

  test('drops a frame for which a buffer is too small where nothing may be merged', async () => {
    const { arrive, give, takeRx } = await card(ALL & ~NET_F.MRG_RXBUF);
    await give(100);
    await arrive(udpFrame());
    await arrive(udpFrame(20));
    expect(takeRx()).toEqual([12 + 62]);
  });

  test('takes only frames that its driver wants', async () => {
    const { arrive, give, command, takeRx } = await card();
    const other = ethernetFrame(0x525400000001, 1, 0x0800, 50);
    const group = ethernetFrame(0x333300000001, 1, 0x0800, 50);
    const everybody = ethernetFrame(2 ** 48 - 1, 1, 0x0800, 50);
    await give(...Array(20).fill(1526));
    const count = async (...frames: Uint8Array[]) => {
      for (const frame of frames) await arrive(frame);
      return takeRx().length;
    };
    expect(await count(other, group, everybody, udpFrame())).toBe(4);
    expect(await command(0, 0, 0)).toBe(0);
    expect(await count(other, group, everybody, udpFrame())).toBe(2);
    expect(await command(0, 1, 1)).toBe(0);
    expect(await count(other, group)).toBe(1);
    expect(await command(0, 1, 0)).toBe(0);
    expect(await command(1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x33, 0x33, 0, 0, 0, 1)).toBe(0);
    expect(await count(other, group)).toBe(1);
  });

  test('refuses commands that it does not know or that say more than they bring', async () => {
    const { command } = await card();
    expect(await command(7, 0, 0)).toBe(1);
    expect(await command(1, 0, 255, 255, 255, 255)).toBe(1);
    expect(await command(0)).toBe(1);
  });

  test('takes another address and tells it', async () => {
    const { arrive, give, command, takeRx, device } = await card();
    await command(0, 0, 0);
    expect(await command(1, 1, 2, 0, 0, 0, 0, 9)).toBe(0);
    expect([device.read(0x100), device.read(0x104) & 0xffff]).toEqual([0x00000002, 0x0900]);
    await give(1526, 1526);
    await arrive(udpFrame());
    await arrive(udpFrame(9, 0x020000000009));
    expect(takeRx().length).toBe(1);
  });
});
