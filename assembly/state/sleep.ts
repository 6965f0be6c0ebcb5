// The one place where the core sleeps. V8 up to 11.3 (Node 20) forgets, in its baseline compiler, what locals hold across
// memory.atomic.wait32: so the wait is a function of its own with nothing behind it.

function wait_word(word: u32, value: u32, ns: i64): void {
  atomic.wait<i32>(word, value as i32, ns);
}

/** Sleeps while the word at `word` holds `value`, at most `ns` (positive); may wake for no reason. */
export function sleep(word: u32, value: u32, ns: i64): void {
  // An index that is not a constant keeps the optimizer from inlining what it calls.
  call_indirect<void>(wait_word.index + ((ns < 0) as u32), word, value, ns);
}

/** Looks at a word before a thread sleeps on it, some 10 us: what another vCPU owes at its next block edge mostly comes within one. */
const LOOKS: u32 = 8192;

/** Waits while the word at `word` holds `value`, at most `ns` (positive), first awake; may return for no reason. */
export function watch(word: u32, value: u32, ns: i64): void {
  for (let look: u32 = 0; look < LOOKS; look++) {
    if (atomic.load<u32>(word) != value) return;
  }
  sleep(word, value, ns);
}
