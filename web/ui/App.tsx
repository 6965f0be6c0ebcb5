// The whole page: bar, panels, strip, and the drop of files anywhere. It holds no state of the machine.

import { type DragEvent, useEffect, useState } from 'react';
import { StatusStrip } from './bar/StatusStrip.tsx';
import { TopBar } from './bar/TopBar.tsx';
import { TerminalContext, useActions, useWorkbench, WorkbenchContext } from './context.ts';
import { listenToKeys } from './keys.ts';
import { Workbench as Panels } from './layout/Workbench.tsx';
import { takeFiles } from './state/take.ts';
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
  const onDrop = (event: DragEvent) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    setDropping(false);
    const items = [...event.dataTransfer.items];
    // A folder is in the list like a file, but has no bytes.
    const folder = items.map((item) => item.webkitGetAsEntry?.()).find((entry) => entry?.isDirectory);
    if (folder) bench.fail(`${folder.name} is a folder: drop the files that are in it.`);
    else void takeFiles(bench, [...event.dataTransfer.files]);
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
        onDrop={onDrop}
      >
        <TopBar />
        <Panels />
        <StatusStrip />
        {isDropping && (
          <div className="drop">
            <p>Drop a kernel to start it, a disk image to attach it, other files to share them with guests</p>
          </div>
        )}
      </div>
    </WatchContext>
  );
}
