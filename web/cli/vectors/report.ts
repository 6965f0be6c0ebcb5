// Counts and first failing lines of a vector file. Prints through the function given to it.

export class Report {
  passed = 0;
  failed = 0;
  skipped = 0;
  /** Those of the cases that need no FPU and no SIMD. */
  readonly integer = { passed: 0, failed: 0 };
  readonly #show: number;
  readonly #print: (line: string) => void;

  constructor(show: number, print: (line: string) => void) {
    this.#show = show;
    this.#print = print;
  }

  /** One case; `wrong` is empty when it passed, `integer` says that it needs no FPU and no SIMD. */
  note(index: number, name: string, wrong: readonly string[], integer = true): void {
    if (integer) this.integer[wrong.length === 0 ? 'passed' : 'failed']++;
    if (wrong.length === 0) {
      this.passed++;
      return;
    }
    const what = integer ? '' : ' (FPU or SIMD)';
    if (this.failed++ < this.#show)
      this.#print(`  line ${index} ${name}${what}: ${wrong.slice(0, 4).join('; ')}`);
  }
}
