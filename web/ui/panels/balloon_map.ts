// Paints the pages of a machine on a canvas, from the lowest address on, by what they are to the balloon. It reads no memory.

import { type BalloonMap, isDirty } from '../../session/views/index.ts';
import { css, mix, type Rgb, tokenColor } from '../parts/colors.ts';

/** Width and height of a square with its gap, and the most rows of them, in CSS pixels. */
const CELL = 6;
const MOST_ROWS = 10;

/** How pages are laid out: `columns` squares in a row, each of which stands for `pages` pages. */
export interface PageGrid {
  readonly columns: number;
  /** A power of two. */
  readonly pages: number;
  /** Of the whole map, in CSS pixels. */
  readonly height: number;
}

/** The finest grid in which all pages fit. */
export function mapOf(pages: number, width: number): PageGrid {
  const columns = Math.max(1, Math.floor(width / CELL));
  let each = 1;
  while (each * columns * MOST_ROWS < pages) each *= 2;
  return { columns, pages: each, height: Math.ceil(pages / each / columns) * CELL };
}

/** Paints all pages: a square of which a part is held or free is mixed of their colours. */
export function paintBalloon(
  canvas: HTMLCanvasElement,
  pages: number,
  width: number,
  { held, free }: BalloonMap,
): void {
  const context = canvas.getContext('2d');
  if (!context) return;
  const grid = mapOf(pages, width);
  const scale = globalThis.devicePixelRatio ?? 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(grid.height * scale);
  const [heldColor, freeColor, none] = ['--balloon-held', '--balloon-free', '--heat-none'].map((token) =>
    tokenColor(canvas.parentElement ?? canvas, token),
  ) as [Rgb, Rgb, Rgb];
  for (let cell = 0; cell * grid.pages < pages; cell++) {
    const first = cell * grid.pages;
    const end = Math.min(first + grid.pages, pages);
    let [inside, unused] = [0, 0];
    for (let page = first; page < end; page++) {
      if (isDirty(held, page)) inside++;
      else if (isDirty(free, page)) unused++;
    }
    const marked = inside + unused;
    const color = marked === 0 ? none : mix(freeColor, heldColor, inside / marked);
    context.fillStyle = css(mix(none, color, marked / (end - first)));
    // Whole pixels, so that squares are sharp.
    const left = Math.round((cell % grid.columns) * CELL * scale);
    const top = Math.round(Math.floor(cell / grid.columns) * CELL * scale);
    const side = Math.max(1, Math.round((CELL - 1) * scale));
    context.fillRect(left, top, side, side);
  }
}
