// The doors to KVM agree: random calls, wrong arguments in half of them, give the same answers whichever door they take.
// VITRINE_DOOR_CALLS says how many calls are made; the usual number is small.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { kvm } from '../web/kvm/support.ts';
import { anyCall, type Call, readsClock } from './calls.ts';
import type { Door } from './door.ts';
import { IoctlDoor } from './ioctl_door.ts';
import { TypedDoor } from './typed_door.ts';

const CALLS = Number(process.env.VITRINE_DOOR_CALLS ?? 6000);
const SEQUENCE = 60;
const typed = new TypedDoor(kvm);
const ioctl = new IoctlDoor(kvm);
const doors: Door[] = [typed, ioctl];
let made = 0;

/** Every call on every door; the first one on which they differ. */
async function difference(calls: readonly Call[]): Promise<unknown> {
  for (const door of doors) await door.begin();
  try {
    for (const call of calls) {
      const answers: Record<string, string> = {};
      for (const door of doors) answers[door.name] = await door.perform(call);
      made++;
      if (!readsClock(call) && new Set(Object.values(answers)).size > 1) return { call, answers };
    }
    return undefined;
  } finally {
    for (const door of doors) await door.end();
  }
}

describe('random calls over the doors', () => {
  test('are answered alike, with the same errno', { timeout: 0 }, async () => {
    const sizes: number[] = [];
    const sequence = fc.array(anyCall, { minLength: 1, maxLength: SEQUENCE, size: 'max' });
    await fc.assert(
      fc.asyncProperty(sequence, async (calls) => {
        expect(await difference(calls)).toBeUndefined();
        sizes.push(typed.size, ioctl.size);
      }),
      {
        numRuns: Math.ceil(CALLS / (SEQUENCE / 3)),
        verbose: false,
        ...(process.env.VITRINE_DOOR_SEED ? { seed: Number(process.env.VITRINE_DOOR_SEED) } : {}),
      },
    );
    expect(made).toBeGreaterThanOrEqual(CALLS);
    // Memory is flat: what the first half has needed is all that is ever needed.
    const half = sizes.length / 4;
    expect(sizes.slice(-2)).toEqual(sizes.slice(Math.floor(half) * 2, Math.floor(half) * 2 + 2));
  });
});
