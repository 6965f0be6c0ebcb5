// The console's terminal: one xterm for the life of the page, so that pauses and layouts keep what was written.

import type { ConsoleSink } from './workbench.ts';
import { PageTerminal } from './xterm.ts';

/** What a PC's text screen has, and what programs like memtest86+ count on. */
const COLUMNS = 80;
const ROWS = 25;
/** Font sizes tried, in CSS pixels: the largest at which 80 by 25 characters fit. */
const SIZES = [13, 12.5, 12, 11.5, 11, 10.5, 10, 9.5, 9, 8.5, 8, 7.5, 7];

/** The guest's serial port. */
export class ConsoleTerminal implements ConsoleSink {
  readonly page = new PageTerminal('Console', { cols: COLUMNS, rows: ROWS, convertEol: false }, () =>
    this.#resize(),
  );

  write(bytes: Uint8Array): void {
    this.page.xterm.write(bytes);
  }

  clear(): void {
    this.page.xterm.reset();
  }

  #resize(): void {
    const { xterm, fit } = this.page;
    for (const size of SIZES) {
      xterm.options.fontSize = size;
      const fits = fit.proposeDimensions();
      if (!fits || Number.isNaN(fits.cols)) return;
      if ((fits.cols >= COLUMNS && fits.rows >= ROWS) || size === SIZES.at(-1)) {
        xterm.resize(Math.max(COLUMNS, fits.cols), Math.max(ROWS, fits.rows));
        return;
      }
    }
  }
}
