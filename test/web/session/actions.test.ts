// Actions of a page on the tree: what they write, and the commands that say the same.
import { expect, test } from 'vitest';
import { directory, LocalFs, memoryTree, valueFile } from '../../../web/fs/index.ts';
import { parseSettings } from '../../../web/fs/value.ts';
import { ACTIONS, perform, shellText } from '../../../web/session/actions.ts';
import {
  DEFAULT_LINE,
  lineOf,
  OPTION_KEYS,
  optionsText,
  withWords,
} from '../../../web/session/options_text.ts';
import type { MachineOptions } from '../../../web/session/types.ts';

const options: MachineOptions = {
  memory: 2 << 20,
  cpus: 2,
  engine: 'deterministic',
  seed: 77,
  exitPort: 0xf4,
  slots: [{ gpa: 0x800000, size: 0x3000, readonly: true }],
  program: {
    kind: 'flat',
    image: Uint8Array.of(0xb0, 0x41, 0x27, 0x5c, 0x25, 0x0a),
    at: 0x1000,
    mode: 'real',
  },
};

/** A tree with the files that `make` needs; what was written to reset and options. */
function tree() {
  const said: string[] = [];
  const file = (name: string) => valueFile({ set: (text) => void said.push(`${name} ${text}`) });
  const boot = memoryTree();
  const vm = directory([
    ['boot', boot],
    ['options', file('options')],
    ['reset', file('reset')],
  ]);
  const root = directory([
    ['home', memoryTree()],
    ['kvm', directory([['vm0', vm]])],
  ]);
  return { fs: new LocalFs(root), said };
}

test('make is a line of options, a program and a reset', () => {
  expect(shellText(ACTIONS.make(options)).split('\n')).toEqual([
    "echo 'memory=2M cpus=2 engine=deterministic seed=77 irqchip=1 log_dirty=0 jit=2000 jit_memory=8M exit_port=0xf4 reboot=none slots=0x800000:12K:ro devices=none transport=pci at=0x1000 mode=real' > /kvm/vm0/options",
    'rm -f /kvm/vm0/boot/*',
    "printf '\\260A'\\''\\\\%%\\n' > /kvm/vm0/boot/image",
    'echo 1 > /kvm/vm0/reset',
  ]);
});

test('a large image waits in /home, where the command finds it', async () => {
  const image = new Uint8Array(5000).fill(0x90);
  const action = ACTIONS.make({ ...options, program: { kind: 'flat', image, at: 0, mode: 'long' } });
  expect(shellText(action)).toContain('cp /home/image /kvm/vm0/boot/image');
  const { fs, said } = tree();
  await fs.writeFile('/kvm/vm0/boot/kernel', 'of the machine before');
  await perform(fs, action);
  expect(await fs.readdir('/kvm/vm0/boot')).toEqual([{ name: 'image', isDirectory: false }]);
  expect(await fs.readFile('/home/image')).toEqual(image);
  expect(said.map((line) => line.split(' ')[0])).toEqual(['options', 'reset']);
});

test('the first refused write ends an action', async () => {
  const { fs, said } = tree();
  await expect(perform(fs, [...ACTIONS.run(), ...ACTIONS.reset()])).rejects.toThrow(/EPERM/);
  expect(said).toEqual([]);
});

test('the line of options says all that a machine is made of', () => {
  const line = lineOf(options);
  expect(withWords(DEFAULT_LINE, parseSettings(OPTION_KEYS, optionsText(line)))).toEqual({
    ...line,
    irqchip: true,
  });
  const changed = withWords(line, parseSettings(OPTION_KEYS, 'seed=none slots=none memory=64M'));
  expect(changed).toMatchObject({ seed: undefined, slots: [], memory: 64 << 20, cpus: 2 });
});
