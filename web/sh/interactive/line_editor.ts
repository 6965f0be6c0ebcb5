// The prompt: keys to a line, drawn on a terminal by escape sequences, with history, search and completion. It runs
// nothing; a finished line goes to its owner.

import { columns as inColumns } from '../utilities/listing.ts';
import { type Completion, commonStart } from './completion.ts';
import type { Key } from './keys.ts';
import { isContinuation, LineBuffer } from './line_buffer.ts';

export interface LineEditorHost {
  /** Bytes for the terminal. */
  write(text: string): void;
  columns(): number;
  readonly history: readonly string[];
  complete(line: string): Promise<Completion>;
}

/** How a line ended. */
export type LineEnd = { kind: 'line'; text: string } | { kind: 'interrupt' } | { kind: 'end-of-file' };

const ESCAPE = '\x1b';
const ESCAPE_SEQUENCE = new RegExp(`${ESCAPE}\\[[0-9;?]*[@-~]`, 'g');

/** How many cells a text takes: escape sequences none, a character of UTF-8 one. */
export function cellsOf(text: string): number {
  const plain = text.replace(ESCAPE_SEQUENCE, '');
  let cells = 0;
  for (const char of plain) if (!isContinuation(char) && char >= ' ') cells++;
  return cells;
}

export class LineEditor {
  readonly #host: LineEditorHost;
  readonly #line = new LineBuffer();
  #prompt = '';
  /** Rows between the prompt's first row and the cursor's. */
  #row = 0;
  /** Where in the history the line is from; its length for the line that is being typed. */
  #place = 0;
  #typed = '';
  #search: { text: string; place: number } | undefined;
  #wasTab = false;

  constructor(host: LineEditorHost) {
    this.#host = host;
  }

  /** Begins a line. */
  start(prompt: string): void {
    this.#prompt = prompt;
    this.#line.set('');
    this.#place = this.#host.history.length;
    this.#search = undefined;
    this.#row = 0;
    this.draw();
  }

  /** Does what a key asks; how the line ended, if it did. */
  async key(key: Key): Promise<LineEnd | undefined> {
    const isSecondTab = this.#wasTab;
    this.#wasTab = false;
    if (this.#search && this.#searchKey(key)) return undefined;
    if ('text' in key) {
      this.#line.insert(key.text);
      this.draw();
      return undefined;
    }
    const line = this.#line;
    switch (key.name) {
      case 'enter':
        line.end();
        this.draw();
        this.#host.write('\r\n');
        return { kind: 'line', text: line.text };
      case 'interrupt':
        line.end();
        this.draw();
        this.#host.write('^C\r\n');
        return { kind: 'interrupt' };
      case 'end-of-file':
        if (line.text === '') {
          this.#host.write('\r\n');
          return { kind: 'end-of-file' };
        }
        line.remove();
        break;
      case 'complete':
        await this.#complete(isSecondTab);
        break;
      case 'clear':
        this.#host.write('\x1b[H\x1b[2J');
        this.#row = 0;
        break;
      case 'up':
        this.#recall(this.#place - 1);
        break;
      case 'down':
        this.#recall(this.#place + 1);
        break;
      case 'search':
        this.#search = { text: '', place: this.#host.history.length };
        break;
      default:
        EDITS[key.name]?.(line);
    }
    this.draw();
    return undefined;
  }

  /** Draws the prompt and the line anew, over as many rows as they take. */
  draw(): void {
    const width = Math.max(1, this.#host.columns());
    const prompt = this.#search ? `(search)'${this.#search.text}': ` : this.#prompt;
    const { text, cursor } = this.#line;
    const total = cellsOf(prompt) + cellsOf(text);
    const at = cellsOf(prompt) + cellsOf(text.slice(0, cursor));
    const lastRow = Math.floor(total / width);
    const row = Math.floor(at / width);
    let out = this.#row > 0 ? `\x1b[${this.#row}A` : '';
    out += `\r\x1b[J${prompt}${text}`;
    // A full row leaves the cursor on it: this makes the next one.
    if (total % width === 0 && total > 0) out += '\r\n';
    if (lastRow > row) out += `\x1b[${lastRow - row}A`;
    out += '\r';
    if (at % width > 0) out += `\x1b[${at % width}C`;
    this.#row = row;
    this.#host.write(out);
  }

  #recall(place: number): void {
    const { history } = this.#host;
    if (place < 0 || place > history.length) return;
    if (this.#place === history.length) this.#typed = this.#line.text;
    this.#place = place;
    this.#line.set(history[place] ?? this.#typed);
  }

  /** A key of the search: true when the search has taken it. */
  #searchKey(key: Key): boolean {
    const search = this.#search;
    if (!search) return false;
    if ('text' in key) {
      search.text += key.text;
      this.#find(search.place);
    } else if (key.name === 'search') this.#find(search.place - 1);
    else if (key.name === 'backspace') {
      search.text = search.text.slice(0, -1);
      this.#find(this.#host.history.length);
    } else {
      this.#search = undefined;
      return false;
    }
    this.draw();
    return true;
  }

  #find(from: number): void {
    const search = this.#search;
    if (!search) return;
    const { history } = this.#host;
    for (let place = Math.min(from, history.length - 1); place >= 0; place--) {
      if (!history[place]?.includes(search.text)) continue;
      search.place = place;
      this.#place = place;
      this.#line.set(history[place] ?? '');
      return;
    }
  }

  async #complete(isSecond: boolean): Promise<void> {
    const line = this.#line;
    const { length, candidates } = await this.#host.complete(line.text.slice(0, line.cursor));
    const common = commonStart(candidates);
    if (common.length > length || candidates.length === 1) {
      for (let count = length; count > 0; count--) {
        line.text = line.text.slice(0, line.cursor - 1) + line.text.slice(line.cursor);
        line.cursor--;
      }
      line.insert(common);
      this.#wasTab = candidates.length > 1;
      return;
    }
    this.#wasTab = true;
    if (candidates.length === 0) this.#host.write('\x07');
    else if (isSecond) {
      const names = candidates.map((each) => each.trimEnd().replace(/^.*\/(?=.)/, ''));
      this.#host.write(`\r\n${inColumns(names, this.#host.columns()).replaceAll('\n', '\r\n')}`);
      this.#row = 0;
    }
  }
}

const EDITS: Record<string, (line: LineBuffer) => void> = {
  backspace: (line) => line.backspace(),
  'cut-to-end': (line) => line.cutToEnd(),
  'cut-to-start': (line) => line.cutToStart(),
  'cut-word': (line) => line.cutWord(),
  delete: (line) => line.remove(),
  end: (line) => line.end(),
  home: (line) => line.home(),
  left: (line) => line.left(),
  paste: (line) => line.paste(),
  right: (line) => line.right(),
  'word-left': (line) => line.wordLeft(),
  'word-right': (line) => line.wordRight(),
};
