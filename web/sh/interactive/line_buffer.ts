// The line that is being typed: a text and a cursor in it, with the editing keys' operations. It draws nothing.
// Units are bytes; a character of UTF-8 is moved over and removed as one.

/** True for a byte inside a character of UTF-8. */
export const isContinuation = (char: string | undefined): boolean =>
  char !== undefined && (char.charCodeAt(0) & 0xc0) === 0x80;

export class LineBuffer {
  text = '';
  cursor = 0;
  /** What ^K, ^U and ^W have cut, for ^Y. */
  #cut = '';

  set(text: string): void {
    this.text = text;
    this.cursor = text.length;
  }

  insert(text: string): void {
    this.text = this.text.slice(0, this.cursor) + text + this.text.slice(this.cursor);
    this.cursor += text.length;
  }

  #before(at: number): number {
    let next = Math.max(0, at - 1);
    while (next > 0 && isContinuation(this.text[next])) next--;
    return next;
  }

  #behind(at: number): number {
    let next = Math.min(this.text.length, at + 1);
    while (isContinuation(this.text[next])) next++;
    return next;
  }

  left(): void {
    this.cursor = this.#before(this.cursor);
  }

  right(): void {
    this.cursor = this.#behind(this.cursor);
  }

  home(): void {
    this.cursor = 0;
  }

  end(): void {
    this.cursor = this.text.length;
  }

  wordLeft(): void {
    this.cursor = this.#wordStart();
  }

  wordRight(): void {
    const rest = /^\s*\S*/.exec(this.text.slice(this.cursor))?.[0] ?? '';
    this.cursor += rest.length;
  }

  #wordStart(): number {
    return this.cursor - (/\S*\s*$/.exec(this.text.slice(0, this.cursor))?.[0].length ?? 0);
  }

  #remove(from: number, to: number): string {
    const cut = this.text.slice(from, to);
    this.text = this.text.slice(0, from) + this.text.slice(to);
    this.cursor = from;
    return cut;
  }

  backspace(): void {
    this.#remove(this.#before(this.cursor), this.cursor);
  }

  remove(): void {
    this.#remove(this.cursor, this.#behind(this.cursor));
  }

  cutToEnd(): void {
    this.#cut = this.#remove(this.cursor, this.text.length);
  }

  cutToStart(): void {
    this.#cut = this.#remove(0, this.cursor);
  }

  cutWord(): void {
    this.#cut = this.#remove(this.#wordStart(), this.cursor);
  }

  paste(): void {
    this.insert(this.#cut);
  }
}
