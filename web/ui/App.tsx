// The whole page: bar, panels, strip, and the drop of a kernel file anywhere. It holds no state of the machine.

import { type DragEvent, useEffect, useState } from 'react';
import { StatusStrip } from './bar/StatusStrip.tsx';
import { TopBar } from './bar/TopBar.tsx';
import { TerminalContext, useActions, useWorkbench, WorkbenchContext } from './context.ts';
import { DEFAULT_APPEND, kernelOptions } from './guests.ts';
import { listenToKeys } from './keys.ts';
import { Workbench as Panels } from './layout/Workbench.tsx';
import type { ConsoleTerminal } from './state/terminal.ts';
import { WatchContext } from './state/watch.ts';
import type { Workbench } from './state/workbench.ts';

interface AppProps {
  workbench: Workbench;
  terminal: ConsoleTerminal;
}

export function App({ workbench, terminal }: AppProps) {
  return (
    <WorkbenchContext value={workbench}>
      <TerminalContext value={terminal}>
        <Page />
      </TerminalContext>
    </WorkbenchContext>
  );
}

function Page() {
  const bench = useActions();
  const watch = useWorkbench((state) => state.watch);
  const [isDropping, setDropping] = useState(false);
  useEffect(() => listenToKeys(bench), [bench]);

  const hasFiles = (event: DragEvent) => event.dataTransfer.types.includes('Files');
  const onDrop = async (event: DragEvent) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    setDropping(false);
    const file = event.dataTransfer.files[0];
    if (!file) return;
    const kernel = new Uint8Array(await file.arrayBuffer());
    const options = kernelOptions(bench.state.get().options, kernel.length);
    await bench.openKernel({ name: file.name, kernel, append: DEFAULT_APPEND }, options);
  };
  return (
    <WatchContext value={watch}>
      <a className="skip-link" href="#workbench">
        Skip to the panels
      </a>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is a second way; the Guest list opens files by keyboard. */}
      <div
        className="page"
        onDragOver={(event) => {
          if (!hasFiles(event)) return;
          event.preventDefault();
          setDropping(true);
        }}
        onDragLeave={(event) => event.currentTarget === event.target && setDropping(false)}
        onDrop={(event) => void onDrop(event)}
      >
        <TopBar />
        <Panels />
        <StatusStrip />
        {isDropping && <div className="drop">Drop a kernel: bzImage, ELF or multiboot</div>}
      </div>
    </WatchContext>
  );
}
