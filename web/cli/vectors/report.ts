// Counts and first failing lines of a vector file. Prints through the function given to it.

export class Report {
  passed = 0;
  failed = 0;
  skipped = 0;
  /** See GoldenMachine. */
  compiled = 0;
  emitted = 0;
  readonly #show: number;
  readonly #print: (line: string) => void;

  constructor(show: number, print: (line: string) => void) {
    this.#show = show;
    this.#print = print;
  }

  /** One case; `wrong` is empty when it passed. */
  note(index: number, name: string, wrong: readonly string[]): void {
    if (wrong.length === 0) {
      this.passed++;
      return;
    }
    if (this.failed++ < this.#show) this.#print(`  line ${index} ${name}: ${wrong.slice(0, 4).join('; ')}`);
  }
}
