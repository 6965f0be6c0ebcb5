// The shell of the page: web/sh at a terminal of its own, over the machine worker's files. A chunk that is loaded when the
// Shell is first looked at.

import type { Fs } from '../../fs/index.ts';
import { scripts } from '../../lab/index.ts';
import { InteractiveShell, Shell } from '../../sh/index.ts';
import type { Store } from './store.ts';
import type { PageState } from './workbench.ts';
import { PageTerminal } from './xterm.ts';

const GREETING =
  'A POSIX shell over the files of this machine. Try: ls /kvm/vm0, cat /kvm/README, sh tour.sh';
const HOME = '/home';
/** Ctrl-U: what stands half typed at the prompt is no part of a command from elsewhere. */
const CLEAR_LINE = '\x15';
const ENVIRONMENT = { HOME, PS1: '$PWD $ ' };
/** On a phone 80 columns would be too small to read, so lines wrap. */
const FONT_SIZE = 12;

/** One for the life of the page: history, variables and jobs stay while panels move. */
export class ShellTerminal {
  readonly page = new PageTerminal('Shell', { fontSize: FONT_SIZE }, () => this.#resize());
  #shell: InteractiveShell | undefined;
  #fs: Fs | undefined;

  /** Runs over the files of the session that `state` has; a new worker's files get a new shell. */
  constructor(state: Store<PageState>) {
    this.page.onInput((bytes) => this.#shell?.input(bytes));
    // Ctrl-V pastes, as everywhere in the page; a shell has no use for a quoted key.
    this.page.keep((event) => event.ctrlKey && event.key === 'v');
    this.#say(GREETING);
    const follow = (): void => {
      const { fs } = state.get();
      if (fs === undefined || fs === this.#fs) return;
      if (this.#fs)
        this.#say('\r\nThe machine worker was started anew, and so is this shell: /home and /tmp are empty.');
      this.#fs = fs;
      void this.#serve(fs);
    };
    state.subscribe(follow);
    follow();
  }

  /** Types a command and Enter. */
  type(command: string): void {
    this.#shell?.input(new TextEncoder().encode(`${CLEAR_LINE}${command}\r`));
    this.page.xterm.focus();
  }

  /** A shell after the other, until the files are another worker's. */
  async #serve(fs: Fs): Promise<void> {
    for (const { name, text } of scripts) await fs.writeFile(`${HOME}/${name}`, text).catch(() => {});
    while (fs === this.#fs) {
      const shell = new InteractiveShell({
        shell: new Shell({ fs, cwd: HOME, env: ENVIRONMENT }),
        output: (bytes) => {
          if (this.#shell === shell) this.page.xterm.write(bytes);
        },
        columns: this.page.xterm.cols,
      });
      this.#shell = shell;
      const status = await shell.run();
      if (fs === this.#fs) this.#say(`The shell has ended with status ${status}; here is another.`);
    }
  }

  #say(sentence: string): void {
    this.page.xterm.writeln(`\x1b[90m${sentence}\x1b[39m`);
  }

  #resize(): void {
    this.page.fit.fit();
    this.#shell?.resize(this.page.xterm.cols);
  }
}
