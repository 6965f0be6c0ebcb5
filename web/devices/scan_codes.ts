// Scan code sets 1 and 2: how the i8042 turns one into the other. It knows no keys, only codes.
//
// Source: IBM PS/2 Hardware Interface Technical Reference, the controller's translation table.

// Row n holds the set 1 codes of the set 2 codes 0xn0..0xnf.
const TABLE = `
ff 43 41 3f 3d 3b 3c 58 64 44 42 40 3e 0f 29 59
65 38 2a 70 1d 10 02 5a 66 71 2c 1f 1e 11 03 5b
67 2e 2d 20 12 05 04 5c 68 39 2f 21 14 13 06 5d
69 31 30 23 22 15 07 5e 6a 72 32 24 16 08 09 5f
6b 33 25 17 18 0b 0a 60 6c 34 35 26 27 19 0c 61
6d 73 28 74 1a 0d 62 6e 3a 36 1c 1b 75 2b 63 76
55 56 77 78 79 7a 0e 7b 7c 4f 7d 4b 47 7e 7f 6f
52 53 50 4c 4d 48 01 45 57 4e 51 4a 37 49 46 54`;

/** Set 1 code by set 2 code; a code that is not here passes unchanged. */
export const SET2_TO_SET1: readonly number[] = translation();

function translation(): number[] {
  const codes = TABLE.trim()
    .split(/\s+/)
    .map((code) => Number.parseInt(code, 16));
  // The two codes above 0x7f that have a translation: F7 and Alt+PrintScreen.
  codes[0x83] = 0x41;
  codes[0x84] = 0x54;
  return codes;
}

/** The set 2 make code of the set 1 make code `code`, 0 (which a keyboard sends for an error) if there is none. */
export function set2Of(code: number): number {
  // F7 and Alt+PrintScreen have an unused second translation, which a keyboard never sends.
  if (code === 0x41) return 0x83;
  if (code === 0x54) return 0x84;
  return Math.max(0, SET2_TO_SET1.indexOf(code));
}
