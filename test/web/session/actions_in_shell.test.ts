// Every action of a page, carried out on a tree by the page's way and by its command in the shell: the trees must agree.
import { expect, test } from 'vitest';
import { bytesFile, type DirNode, directory, LocalFs, memoryTree, valueFile } from '../../../web/fs/index.ts';
import { ACTIONS, type Action, optionsAction, perform, shellText } from '../../../web/session/actions.ts';
import type { MachineOptions } from '../../../web/session/types.ts';
import { Shell } from '../../../web/sh/index.ts';

const flat = (image: Uint8Array): MachineOptions => ({
  ...{ memory: 4 << 20, cpus: 2, engine: 'deterministic', seed: 7, logDirty: true },
  slots: [{ gpa: 0x100_0000, size: 0x4000, readonly: true }],
  input: Uint8Array.of(0x6c, 0x73, 0x0a),
  program: { kind: 'flat', image, at: 0x1000, mode: 'real' },
});
const every = Uint8Array.from({ length: 256 }, (_, at) => at);

/** What each button, field and key of the page does to the machine. */
const BUTTONS: Record<keyof typeof ACTIONS, Action> & Record<string, Action> = {
  make: ACTIONS.make(flat(every)),
  'make of a long image': ACTIONS.make(flat(new Uint8Array(5000).fill(0x27))),
  'make of a kernel': ACTIONS.make({
    ...flat(every),
    program: { kind: 'kernel', kernel: every, initrd: new Uint8Array(999), append: "a='b c' \\ $HOME" },
  }),
  options: optionsAction({ cpus: 8, exitPort: 0x501 }),
  run: ACTIONS.run(),
  pause: ACTIONS.pause(),
  step: ACTIONS.step(1),
  reset: ACTIONS.reset(),
  debug: ACTIONS.debug(1, 'watch=0x2000,4,rw'),
  balloon: ACTIONS.balloon(64),
  jit: ACTIONS.jit(2000),
  forget: ACTIONS.forget(1, 3),
  poke: ACTIONS.poke(0, 0x123, every),
  harvest: ACTIONS.harvest(0),
  signal: ACTIONS.signal('rng0', 'kill'),
  input: ACTIONS.input(every),
};

/** A tree with all files of a machine; what was done to it. */
function machine() {
  const said: string[] = [];
  const value = (name: string) => valueFile({ set: (text) => void said.push(`${name}: ${text}`) });
  const raw = (name: string) =>
    bytesFile({
      mode: 0o644,
      get: () => {
        said.push(`${name} read`);
        return new Uint8Array(8);
      },
      set: (bytes) => void said.push(`${name}: ${[...bytes]}`),
    });
  const regions = directory([['3', directory([])]], { rmdir: (name) => void said.push(`rmdir ${name}`) });
  const cpu: DirNode = directory([
    ['step', value('step')],
    ['debugger', value('debugger')],
    ['tiers', directory([['region', regions]])],
  ]);
  const vm = directory([
    ...['options', 'paused', 'reset', 'balloon', 'jit'].map((name) => [name, value(name)] as const),
    ['boot', memoryTree()],
    ['console', raw('console')],
    ['cpu', directory([['1', cpu]])],
    ['memory', directory([['0', directory([['dirty_bitmap', raw('bitmap')]])]])],
  ]);
  const root = directory([
    ['home', memoryTree()],
    ['kvm', directory([['vm0', vm]])],
    ['modules', directory([['rng0', directory([['signal', value('signal')]])]])],
    ['ram', memoryTree()],
  ]);
  return { fs: new LocalFs(root), said };
}

/** Names and bytes of the plain files of a directory. */
async function filesOf(fs: LocalFs, path: string): Promise<[string, Uint8Array][]> {
  const names = (await fs.readdir(path)).map(({ name }) => name).sort();
  return Promise.all(names.map(async (name) => [name, await fs.readFile(`${path}/${name}`)]));
}

const uploads = (action: Action) => action.filter(({ kind }) => kind === 'upload');

/** Writes into memory go to a plain file of the same length: the machine's own has no other behaviour. */
const inRam = (action: Action): Action =>
  action.map((operation) => (operation.kind === 'patch' ? { ...operation, path: '/ram/mem' } : operation));

test.each(Object.entries(BUTTONS))('%s does in the shell what it does in the page', async (_name, made) => {
  const action = inRam(made);
  const [page, shell] = [machine(), machine()];
  for (const { fs } of [page, shell]) await fs.writeFile('/ram/mem', new Uint8Array(0x400));
  for (const { fs } of [page, shell]) await fs.writeFile('/kvm/vm0/boot/old', 'of the machine before');
  await perform(page.fs, action);
  await perform(shell.fs, uploads(action));
  let complaint = '';
  const stderr = {
    write: async (bytes: Uint8Array) => {
      complaint += new TextDecoder().decode(bytes);
      return bytes.length;
    },
  };
  const status = await new Shell({ fs: shell.fs, cwd: '/' }).run(shellText(action), { stderr });
  expect([status, complaint]).toEqual([0, '']);
  expect(shell.said).toEqual(page.said);
  for (const path of ['/kvm/vm0/boot', '/home', '/ram'])
    expect(await filesOf(shell.fs, path)).toEqual(await filesOf(page.fs, path));
});
