// The page's terminal of the virtio console, hvc0: it follows the machine at hand, and has the size of its place in the page.

import { GuestTerminal } from '../../session/guest_terminal.ts';
import type { Session } from '../../session/types.ts';
import type { Store } from './store.ts';
import type { PageState } from './workbench.ts';
import { PageTerminal } from './xterm.ts';

const FONT_SIZE = 12;

/** One for the life of the page: what was written stays while panels move. */
export class VirtioConsole {
  readonly page = new PageTerminal('Console hvc0', { fontSize: FONT_SIZE }, () => this.#resize());
  #session: Session | undefined;
  #terminal: GuestTerminal | undefined;

  constructor(state: Store<PageState>) {
    this.page.onInput((bytes) => this.#terminal?.type(bytes));
    const follow = (): void => {
      const { session } = state.get();
      if (session !== undefined && session !== this.#session) this.#follow(session);
    };
    state.subscribe(follow);
    follow();
  }

  #follow(session: Session): void {
    this.#terminal?.close();
    this.#session = session;
    this.#terminal = new GuestTerminal(session, (bytes) => this.page.xterm.write(bytes));
    session.onMade((again) => {
      if (!again && session === this.#session) this.page.xterm.reset();
    });
    this.#resize();
  }

  #resize(): void {
    const { xterm, fit } = this.page;
    if (xterm.element === undefined) return;
    fit.fit();
    this.#terminal?.resize({ columns: xterm.cols, rows: xterm.rows });
  }
}
