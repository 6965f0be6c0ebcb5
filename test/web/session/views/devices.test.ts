import { expect, test } from 'vitest';
import { PCI_FUNCTIONS_BASE } from '../../../../assembly/abi/map.ts';
import { devicePage } from '../../../../web/devices/index.ts';
import { readDevices } from '../../../../web/session/views/index.ts';
import { DEVICE_TYPE } from '../../../../web/virtio/backend.ts';
import { Registers, RING, STATUS, TRANSPORT } from '../../../../web/virtio/registers.ts';
import { machine } from './machine.ts';

/** The registers of device `number`, laid out as whoever makes a machine does. */
function device(
  memory: ReturnType<typeof machine>['memory'],
  number: number,
  transport: number,
  type: number,
) {
  const registers = new Registers(devicePage(memory.bytes.buffer, PCI_FUNCTIONS_BASE + number * 0x1000));
  registers.transport = transport;
  registers.describe({ type, features: 0n, queues: [64, 64], config: new Uint8Array() });
  return registers;
}

test('a machine without virtio devices shows none', () => {
  expect(readDevices(machine().memory)).toEqual([]);
});

test('a device on the PCI bus shows its driver, its features and the queues that are on', () => {
  const { memory } = machine();
  const registers = device(memory, 10, TRANSPORT.pci, DEVICE_TYPE.net);
  registers.driverFeaturesSelect = 1;
  registers.selectedDriverFeatures = 1;
  registers.writeStatus(STATUS.acknowledge | STATUS.driver);
  const [, transmit] = registers.queues;
  if (!transmit) throw new Error('no queue');
  transmit.size = 16;
  transmit.setRingHalf(RING.descriptors, 0, 0x5000);
  transmit.taken = 9;
  transmit.used = 7;
  transmit.isReady = true;
  expect(readDevices(memory)).toEqual([
    {
      number: 10,
      type: DEVICE_TYPE.net,
      name: 'network',
      place: 'PCI 00:0a.0',
      status: STATUS.acknowledge | STATUS.driver,
      features: 1n << 32n,
      isServed: false,
      queues: [{ index: 1, name: 'transmit', size: 16, descriptors: 0x5000n, taken: 9, used: 7 }],
    },
  ]);
});

test('a device over MMIO shows its address', () => {
  const { memory } = machine();
  device(memory, 2, TRANSPORT.mmio, DEVICE_TYPE.rng).bells = 0xfef02000n;
  expect(readDevices(memory)).toMatchObject([{ name: 'entropy', place: 'MMIO 0xfef02000' }]);
});
