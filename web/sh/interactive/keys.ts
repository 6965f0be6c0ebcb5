// Keys: the bytes that a terminal sends to names of keys. It edits nothing.

/** A key by its name, or text as it was typed. */
export type Key = { name: string } | { text: string };

const CONTROLS: Record<string, string> = {
  '\x01': 'home',
  '\x02': 'left',
  '\x03': 'interrupt',
  '\x04': 'end-of-file',
  '\x05': 'end',
  '\x06': 'right',
  '\x08': 'backspace',
  '\t': 'complete',
  '\n': 'enter',
  '\x0b': 'cut-to-end',
  '\x0c': 'clear',
  '\r': 'enter',
  '\x0e': 'down',
  '\x10': 'up',
  '\x12': 'search',
  '\x15': 'cut-to-start',
  '\x17': 'cut-word',
  '\x19': 'paste',
  '\x7f': 'backspace',
};

/** Escape sequences without their ESC, of xterm and the Linux console. */
const SEQUENCES: Record<string, string> = {
  '[1;5C': 'word-right',
  '[1;5D': 'word-left',
  '[1~': 'home',
  '[3~': 'delete',
  '[4~': 'end',
  '[A': 'up',
  '[B': 'down',
  '[C': 'right',
  '[D': 'left',
  '[F': 'end',
  '[H': 'home',
  OA: 'up',
  OB: 'down',
  OC: 'right',
  OD: 'left',
  OF: 'end',
  OH: 'home',
  b: 'word-left',
  f: 'word-right',
};

/** Reads keys out of bytes; a sequence may come in several pieces. */
export class KeyReader {
  #rest = '';

  read(bytes: string): Key[] {
    const keys: Key[] = [];
    let text = '';
    const flush = (): void => {
      if (text !== '') keys.push({ text });
      text = '';
    };
    const all = this.#rest + bytes;
    this.#rest = '';
    for (let at = 0; at < all.length; ) {
      const char = all[at] as string;
      if (char === '\x1b') {
        const found = /^(\[[0-9;?]*[@-~]|O[@-~]|[^[O])/.exec(all.slice(at + 1, at + 32));
        if (!found) {
          flush();
          this.#rest = all.slice(at);
          return keys;
        }
        flush();
        const name = SEQUENCES[found[1] as string];
        if (name !== undefined) keys.push({ name });
        at += 1 + found[0].length;
        continue;
      }
      at++;
      const name = CONTROLS[char];
      if (name !== undefined) {
        flush();
        keys.push({ name });
      } else if (char >= ' ') text += char;
    }
    flush();
    return keys;
  }
}
