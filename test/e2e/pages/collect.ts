// Garbage collection now, in Chromium started with --js-flags=--expose-gc.
export function collect(): void {
  (globalThis as unknown as { gc(): void }).gc();
}
