// What the page's terminals have in common: xterm with the page's font, colours and keys. Who feeds one is its owner's business.

import { FitAddon } from '@xterm/addon-fit';
import { type ITerminalInitOnlyOptions, type ITerminalOptions, Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { css, tokenColor } from '../parts/colors.ts';

/** These keys stay with the page: F6 takes the focus out of a terminal. */
const PAGE_KEYS = new Set(['F6']);

/** A terminal that can move from one place of the page to another. */
export class PageTerminal {
  readonly xterm: Terminal;
  readonly fit = new FitAddon();
  readonly #element = document.createElement('div');
  readonly #name: string;
  readonly #resize: () => void;

  /** `name` is what a screen reader calls it; `resize` makes it fit its host. */
  constructor(name: string, options: ITerminalOptions & ITerminalInitOnlyOptions, resize: () => void) {
    this.#name = name;
    this.#resize = resize;
    this.#element.className = 'terminal';
    this.xterm = new Terminal({
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--mono'),
      fontSize: 12,
      scrollback: 5000,
      screenReaderMode: true,
      cursorBlink: false,
      minimumContrastRatio: 4.5,
      ...options,
    });
    this.xterm.loadAddon(this.fit);
    this.keep(() => false);
  }

  /** Leaves keys to the browser: F6 always, and those that `isPages` names. */
  keep(isPages: (event: KeyboardEvent) => boolean): void {
    this.xterm.attachCustomKeyEventHandler((event) => !PAGE_KEYS.has(event.key) && !isPages(event));
  }

  /** Where typed bytes go. */
  onInput(listener: (bytes: Uint8Array) => void): void {
    const utf8 = new TextEncoder();
    this.xterm.onData((text) => listener(utf8.encode(text)));
    this.xterm.onBinary((text) => listener(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
  }

  /** Puts the terminal into `host` and keeps it fitting; returns how to take it out again. */
  attach(host: HTMLElement): () => void {
    host.append(this.#element);
    if (!this.xterm.element) {
      this.xterm.open(this.#element);
      const label = `${this.#name} input; F6 leaves the ${this.#name.toLowerCase()}`;
      this.xterm.textarea?.setAttribute('aria-label', label);
    }
    this.paint();
    const observer = new ResizeObserver(this.#resize);
    observer.observe(host);
    return () => {
      observer.disconnect();
      this.#element.remove();
    };
  }

  /** Takes the colours of the theme in force. */
  paint(): void {
    const color = (token: string) => css(tokenColor(this.#element, token));
    this.xterm.options.theme = {
      background: color('--case'),
      foreground: color('--ink'),
      cursor: color('--accent'),
      cursorAccent: color('--case'),
      selectionBackground: color('--tint'),
    };
  }
}
