// The terminals, one at a time: the guest's serial console, its virtio console where it has one, and a shell over the
// machine's files. All outlive this panel.

import { useContext, useEffect, useRef, useState } from 'react';
import { scripts } from '../../lab/index.ts';
import { TerminalContext, useActions, useWorkbench } from '../context.ts';
import { Choice } from '../parts/Choice.tsx';
import { CommandButton } from '../parts/CommandButton.tsx';
import { Panel } from '../parts/Panel.tsx';
import type { ShellTerminal } from '../state/shell.ts';
import { show, shown } from '../state/shown.ts';
import { useStore } from '../state/store.ts';
import { theme } from '../state/theme.ts';
import { VirtioConsole } from '../state/virtio_console.ts';
import './terminals.css';

const OPTIONS = [
  { id: 'console', label: 'Console' },
  { id: 'hvc0', label: 'hvc0' },
  { id: 'shell', label: 'Shell' },
] as const;

/** The page's shell, once it was asked for. */
let shell: Promise<ShellTerminal> | undefined;

const TEXTS = {
  console: { name: 'Console', note: 'Serial port COM1 · every key goes to the guest,' },
  hvc0: { name: 'Console hvc0', note: 'Virtio console · every key goes to the guest,' },
  shell: { name: 'Shell', note: 'Commands on the files of /kvm · Tab completes,' },
} as const;

/** The page's virtio console, once a machine had one. */
let virtioConsole: VirtioConsole | undefined;

/** The virtio console, if the machine is to have one and shares its memory with the page. */
function useVirtioConsole(): VirtioConsole | undefined {
  const bench = useActions();
  const isAsked = useWorkbench((state) => state.options.devices?.some(({ kind }) => kind === 'console'));
  const isShared = useWorkbench((state) => state.session?.tier !== 'messages');
  if (!isAsked || !isShared) return undefined;
  virtioConsole ??= new VirtioConsole(bench.state);
  return virtioConsole;
}

/** The shell's terminal as soon as it is loaded, or why it is not there; loaded when first wanted. */
function useShell(isWanted: boolean): { loaded?: ShellTerminal; sentence: string } {
  const bench = useActions();
  const [loaded, setLoaded] = useState<ShellTerminal>();
  const [failure, setFailure] = useState<string>();
  useEffect(() => {
    if (!isWanted) return;
    let isHere = true;
    shell ??= import('../state/shell.ts').then((chunk) => new chunk.ShellTerminal(bench.state));
    shell.then(
      (terminal) => isHere && setLoaded(terminal),
      () => {
        shell = undefined;
        if (isHere) setFailure('The shell could not be loaded: choose Console, then Shell again.');
      },
    );
    return () => {
      isHere = false;
    };
  }, [bench, isWanted]);
  return { ...(loaded && { loaded }), sentence: failure ?? 'The shell is being loaded.' };
}

export function Terminals() {
  const wanted = useStore(shown, (choices) => choices.terminal);
  const hvc = useVirtioConsole();
  const chosen = wanted === 'hvc0' && !hvc ? 'console' : wanted;
  const shade = useStore(theme);
  const host = useRef<HTMLDivElement>(null);
  const console = useContext(TerminalContext)?.page;
  const { loaded, sentence } = useShell(chosen === 'shell');
  const terminal = { shell: loaded?.page, hvc0: hvc?.page, console }[chosen];

  useEffect(() => (host.current && terminal ? terminal.attach(host.current) : undefined), [terminal]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new theme is painted, though not read by name.
  useEffect(() => terminal?.paint(), [terminal, shade]);

  const { name, note } = TEXTS[chosen];
  const hint = (
    <>
      {note} <kbd>F6</kbd> leaves
    </>
  );
  const tools = (
    <>
      {chosen === 'shell' && loaded && <Scripts shell={loaded} />}
      <Choice
        legend="Terminal"
        options={OPTIONS.filter(({ id }) => id !== 'hvc0' || hvc)}
        value={chosen}
        onValue={(terminal) => show({ terminal })}
      />
    </>
  );
  return (
    <Panel name={name} note={hint} tools={tools} className="console" isScrolling={false}>
      {!terminal && <p className="panel-empty">{sentence}</p>}
      <div ref={host} className="console-host" />
    </Panel>
  );
}

/** The lab's scripts, each typed into the shell by its button. */
function Scripts({ shell }: { shell: ShellTerminal }) {
  return scripts.map(({ name, title, sentence }) => (
    <CommandButton
      key={name}
      className="button is-small"
      name={title}
      command={`sh /home/${name}`}
      title={sentence}
      onClick={() => shell.type(`sh /home/${name}`)}
    >
      {title}
    </CommandButton>
  ));
}
