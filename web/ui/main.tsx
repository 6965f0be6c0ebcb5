// The page's entry: opens the link or the first guest, makes the workbench and mounts React.

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { decodeLink, type SharedPage } from '../session/share.ts';
import { App } from './App.tsx';
import { defaultGuest } from './guests.ts';
import { ensureIsolation } from './isolation.ts';
import { completed, layout } from './state/layout.ts';
import { DEFAULT_NETWORK, networkWords } from './state/networks.ts';
import { completedShown, shown } from './state/shown.ts';
import { ConsoleTerminal } from './state/terminal.ts';
import { Workbench } from './state/workbench.ts';
import './styles/tokens.css';
import './styles/base.css';

/** Panels as the link has them, where it says so. */
function arrange(page: SharedPage): void {
  layout.set(completed({ ...layout.get(), ...page.layout }));
  shown.set(completedShown({ ...shown.get(), ...page.shown }));
}

const root = document.getElementById('root');
if (root && (await ensureIsolation()) !== 'reloading') {
  const link = await decodeLink(location.hash);
  const page = link.kind === 'page' ? link.page : { ...defaultGuest, guest: defaultGuest.id };
  if (link.kind === 'page') arrange(link.page);
  const terminal = new ConsoleTerminal();
  const workbench = new Workbench(
    { guest: page.guest, source: page.source, options: page.options },
    terminal,
  );
  // A shell may plug a card into it without the page's help.
  void workbench.give({ networks: { [DEFAULT_NETWORK]: networkWords(DEFAULT_NETWORK) } });
  terminal.page.onInput((bytes) => workbench.input(bytes));
  createRoot(root).render(
    <StrictMode>
      <App workbench={workbench} terminal={terminal} />
    </StrictMode>,
  );
  await workbench.prepare();
  if (link.kind === 'bad') workbench.fail(link.sentence);
  // A link pasted into the address bar of an open page changes the fragment only.
  addEventListener('hashchange', async () => {
    const next = await decodeLink(location.hash);
    if (next.kind === 'bad') workbench.fail(next.sentence);
    if (next.kind !== 'page') return;
    arrange(next.page);
    await workbench.open({ guest: next.page.guest, source: next.page.source, options: next.page.options });
  });
}
