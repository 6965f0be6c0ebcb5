// Paints the pages of a slot on a canvas by the age of their last harvest. It reads no memory and harvests nothing.

import { css, mix, type Rgb, tokenColor } from '../parts/colors.ts';

/** How a page is painted: `now` = dirty and not harvested; a number = harvests since it was dirty; else never. */
export type Heat = 'now' | number | undefined;

/** After this many harvests a page that stays clean looks like one that was dirty long ago. */
const FADE = 8;

/** Pages in a row of the map: with pages of 4 KiB a row is 256 KiB, whatever the size of the panel. */
export const ROW_PAGES = 64;
/** A cell is no larger than this, in pixels: a small slot does not fill the panel. */
const MOST_CELL = 14;

/** How pages are laid onto a canvas: each cell stands for `rows` rows of pages above one another. */
export interface Grid {
  readonly cellWidth: number;
  readonly cellHeight: number;
  readonly rows: number;
}

/** A grid of ROW_PAGES columns in which all pages fit; rows share cells when there are more rows than pixels. */
export function gridOf(pages: number, width: number, height: number): Grid {
  const rowsOfPages = Math.ceil(pages / ROW_PAGES);
  const rows = Math.ceil(rowsOfPages / Math.max(1, height));
  const most = MOST_CELL * devicePixels();
  return {
    cellWidth: Math.min(most, width / ROW_PAGES),
    cellHeight: Math.min(most, height / Math.ceil(rowsOfPages / rows)),
    rows,
  };
}

const devicePixels = () => globalThis.devicePixelRatio ?? 1;

/** Paints all pages; `heat` tells each page's. */
export function paintHeat(canvas: HTMLCanvasElement, pages: number, heat: (page: number) => Heat): void {
  const context = canvas.getContext('2d');
  if (!context) return;
  const { width, height } = canvas;
  const { cellWidth, cellHeight, rows } = gridOf(pages, width, height);
  const [hot, warm, cool, none] = ['--heat-hot', '--heat-warm', '--heat-cool', '--heat-none'].map((token) =>
    tokenColor(canvas.parentElement ?? canvas, token),
  ) as [Rgb, Rgb, Rgb, Rgb];
  const byAge = Array.from({ length: FADE + 1 }, (_, age) => css(mix(warm, cool, age / FADE)));
  const colors = { hot: css(hot), none: css(none) };
  // Lines between cells, where cells are large enough to be told apart without.
  const gap = Math.min(cellWidth, cellHeight) >= 4 ? 1 : 0;
  context.clearRect(0, 0, width, height);
  for (let row = 0; row * rows * ROW_PAGES < pages; row++) {
    // Whole pixels, so that neighbours neither overlap nor leave a seam.
    const top = Math.floor(row * cellHeight);
    const tall = Math.floor((row + 1) * cellHeight) - top;
    for (let column = 0; column < ROW_PAGES; column++) {
      const value = hottest(row * rows * ROW_PAGES + column, rows, pages, heat);
      if (value === 'none') continue;
      const left = Math.floor(column * cellWidth);
      const wide = Math.floor((column + 1) * cellWidth) - left;
      context.fillStyle =
        value === 'now'
          ? colors.hot
          : value === undefined
            ? colors.none
            : (byAge[Math.min(value, FADE)] ?? colors.none);
      context.fillRect(left, top, wide - gap, tall - gap);
    }
  }
}

/** The hottest of a column of pages; `none` beyond the slot's end. */
function hottest(first: number, rows: number, pages: number, heat: (page: number) => Heat): Heat | 'none' {
  if (first >= pages) return 'none';
  let best: number | undefined;
  for (let row = 0; row < rows; row++) {
    const page = first + row * ROW_PAGES;
    if (page >= pages) break;
    const value = heat(page);
    if (value === 'now') return value;
    if (value !== undefined && (best === undefined || value < best)) best = value;
  }
  return best;
}
