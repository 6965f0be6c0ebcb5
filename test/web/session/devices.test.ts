// The devices of a machine: in threads of their own, what becomes of a killed one, and how they end.

import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { ModuleHost } from '../../../web/modules/index.ts';
import { nodeModuleThreads } from '../../../web/modules/threads_node.ts';
import { type DeviceMeans, MachineDevices } from '../../../web/session/devices.ts';
import { Machine } from '../../../web/vmm/index.ts';

const core = new WebAssembly.Module(readFileSync('build/core.wasm'));
const open: MachineDevices[] = [];

afterEach(async () => {
  for (const devices of open.splice(0)) await devices.close();
});

async function machineWith(engine: 'parallel' | 'deterministic') {
  const requests = [{ kind: 'rng' }, { kind: 'balloon' }] as const;
  const machine = Machine.create(core, {
    memory: 2 << 20,
    cpus: 1,
    engine,
    devices: requests,
    program: { kind: 'flat', image: new Uint8Array([0xf4]), at: 0x7c00, mode: 'real' },
  });
  const modules = new ModuleHost(nodeModuleThreads);
  const deaths: string[] = [];
  const means = {
    machine,
    requests,
    modules,
    files: {},
    onWake: () => {},
    onTrouble: () => {},
    onDeath: (why: string) => deaths.push(why),
  };
  const devices = await MachineDevices.start(means as unknown as DeviceMeans);
  open.push(devices);
  return { machine, modules, devices, deaths, device: machine.board?.virtio[0] };
}

test.each(['parallel', 'deterministic'] as const)(
  '%s: each device holds the machine until its end',
  async (engine) => {
    const { machine, devices, device } = await machineWith(engine);
    expect(machine.vm.pins().map(({ name }) => name)).toEqual(['rng0', 'balloon0']);
    expect([device?.registers.type, device?.registers.queueCount]).toEqual([4, 1]);
    await devices.close();
    expect(machine.vm.pins()).toEqual([]);
  },
);

test('a killed device is told, its driver is told, and a reset waits for nobody', async () => {
  const { machine, modules, deaths, device } = await machineWith('parallel');
  const registers = device?.registers;
  for (const status of [1, 3]) registers?.writeStatus(status);
  if (registers) {
    registers.driverFeaturesSelect = 1;
    registers.selectedDriverFeatures = 1;
  }
  for (const status of [11, 15]) registers?.writeStatus(status);
  await modules.kill('rng0');
  expect(deaths).toEqual([
    expect.stringMatching(/^Device rng0 is gone \(killed\); the machine goes on without it/),
  ]);
  expect(registers?.readStatus()).toBe(15 | 64);
  expect(machine.vm.pins().map(({ name }) => name)).toEqual(['balloon0']);
  registers?.writeStatus(0);
  expect(registers?.readStatus()).toBe(0);
});

test('a balloon is asked for more, and for less', async () => {
  const { devices } = await machineWith('deterministic');
  await devices.setBalloon(0x5000);
  expect(devices.balloon).toEqual({ target: 0x5000, held: 0 });
});
