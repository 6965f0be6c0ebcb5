// The console's terminal: one xterm for the life of the page, so that pauses and layouts keep what was written.

import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { css, tokenColor } from '../parts/colors.ts';
import type { ConsoleSink } from './workbench.ts';

/** What a PC's text screen has, and what programs like memtest86+ count on. */
const COLUMNS = 80;
const ROWS = 25;
/** Font sizes tried, in CSS pixels: the largest at which 80 by 25 characters fit. */
const SIZES = [13, 12.5, 12, 11.5, 11, 10.5, 10, 9.5, 9, 8.5, 8, 7.5, 7];
/** These keys stay with the page: F6 takes the focus out of the console. */
const PAGE_KEYS = new Set(['F6']);

/** A terminal that can move from one place of the page to another. */
export class ConsoleTerminal implements ConsoleSink {
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #element = document.createElement('div');
  #onInput: (bytes: Uint8Array) => void = () => {};

  constructor() {
    this.#element.className = 'terminal';
    this.#terminal = new Terminal({
      cols: COLUMNS,
      rows: ROWS,
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--mono'),
      fontSize: 12,
      scrollback: 5000,
      screenReaderMode: true,
      cursorBlink: false,
      minimumContrastRatio: 4.5,
      convertEol: false,
    });
    this.#terminal.loadAddon(this.#fit);
    this.#terminal.attachCustomKeyEventHandler((event) => !PAGE_KEYS.has(event.key));
    const utf8 = new TextEncoder();
    this.#terminal.onData((text) => this.#onInput(utf8.encode(text)));
    this.#terminal.onBinary((text) => this.#onInput(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
  }

  /** Where typed bytes go. */
  onInput(listener: (bytes: Uint8Array) => void): void {
    this.#onInput = listener;
  }

  write(bytes: Uint8Array): void {
    this.#terminal.write(bytes);
  }

  clear(): void {
    this.#terminal.reset();
  }

  focus(): void {
    this.#terminal.focus();
  }

  /** Puts the terminal into `host` and keeps it fitting; returns how to take it out again. */
  attach(host: HTMLElement): () => void {
    host.append(this.#element);
    if (!this.#terminal.element) {
      this.#terminal.open(this.#element);
      this.#terminal.textarea?.setAttribute('aria-label', 'Console input; F6 leaves the console');
    }
    this.paint();
    const observer = new ResizeObserver(() => this.#resize());
    observer.observe(host);
    return () => {
      observer.disconnect();
      this.#element.remove();
    };
  }

  /** Takes the colours of the theme in force. */
  paint(): void {
    const color = (token: string) => css(tokenColor(this.#element, token));
    this.#terminal.options.theme = {
      background: color('--case'),
      foreground: color('--ink'),
      cursor: color('--accent'),
      cursorAccent: color('--case'),
      selectionBackground: color('--tint'),
    };
  }

  #resize(): void {
    for (const size of SIZES) {
      this.#terminal.options.fontSize = size;
      const fits = this.#fit.proposeDimensions();
      if (!fits || Number.isNaN(fits.cols)) return;
      if ((fits.cols >= COLUMNS && fits.rows >= ROWS) || size === SIZES.at(-1)) {
        this.#terminal.resize(Math.max(COLUMNS, fits.cols), Math.max(ROWS, fits.rows));
        return;
      }
    }
  }
}
