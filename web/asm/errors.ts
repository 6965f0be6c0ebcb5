// What the assembler says when it cannot go on, or goes on with a doubt. It decides nothing.

/** One finding in the source. Lines and columns count from 1; `endColumn` is the column after the last character. */
export interface Diagnostic {
  readonly line: number;
  readonly column: number;
  readonly endColumn: number;
  /** One sentence that says what is wrong and how to mend it. */
  readonly message: string;
}

/** Ends the line it was thrown in; the assembler notes it and goes on with the next line. */
export class AsmError extends Error {
  readonly line: number;
  readonly column: number;
  readonly endColumn: number;

  constructor(line: number, column: number, endColumn: number, message: string) {
    super(message);
    this.line = line;
    this.column = column;
    this.endColumn = endColumn;
  }

  /** The finding without the stack. */
  get diagnostic(): Diagnostic {
    return { line: this.line, column: this.column, endColumn: this.endColumn, message: this.message };
  }
}

/** Anything that has a place in the source; a token is one. */
export interface Place {
  readonly line: number;
  readonly column: number;
  readonly end: number;
  /** Added to a message: `in macro print, line 12`. */
  readonly note?: string;
}

/** An error at a place, usually a token. */
export function errorAt(place: Place, message: string): AsmError {
  const text = place.note ? `${message.replace(/\.$/, '')} (${place.note}).` : message;
  return new AsmError(place.line, place.column, place.end, text);
}

/** From the first to the last of some tokens of one line. */
export function span(first: Place, last: Place): Place {
  const end = last.line === first.line ? Math.max(first.end, last.end) : first.end;
  const place = { line: first.line, column: first.column, end };
  return first.note === undefined ? place : { ...place, note: first.note };
}

/** The candidate nearest to a misspelt word, if there is one: one slip in a short word, two in a long one. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const slips = word.length <= 2 ? 0 : word.length <= 5 ? 1 : 2;
  let best: string | undefined;
  let bestDistance = slips + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions, changes and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      let least = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      least = Math.min(least, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) least = Math.min(least, (before[j - 2] ?? 0) + 1);
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
