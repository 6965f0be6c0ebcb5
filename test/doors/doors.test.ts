// The doors to KVM agree: random calls, wrong arguments in half of them, give the same answers whichever door they take.
// VITRINE_DOOR_CALLS says how many calls are made; the usual number is small.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ERRNO } from '../../web/kvm/index.ts';
import { kvm } from '../web/kvm/support.ts';
import { anyCall, type Call, readsClock } from './calls.ts';
import type { Door } from './door.ts';
import { isKvmAnswer } from './errnos.ts';
import { FileDoor, inFiles } from './file_door.ts';
import { IoctlDoor } from './ioctl_door.ts';
import { TypedDoor } from './typed_door.ts';

const CALLS = Number(process.env.VITRINE_DOOR_CALLS ?? 6000);
const SEQUENCE = 60;
const typed = new TypedDoor(kvm);
const ioctl = new IoctlDoor(kvm);
const files = new FileDoor(kvm);

const seed = process.env.VITRINE_DOOR_SEED ? { seed: Number(process.env.VITRINE_DOOR_SEED) } : {};

/** The same answer; but a path that is not there is ENOENT, whatever else is wrong with the call. */
function agree({ files: file, ...others }: Record<string, string>): boolean {
  const [first = '', ...rest] = Object.values(others);
  if (rest.some((answer) => answer !== first)) return false;
  return file === undefined || file === first || (file === 'ENOENT' && first in ERRNO);
}

/** Every call on every door; the first one on which they differ, or that is refused as KVM refuses no such call. */
async function difference(doors: readonly Door[], calls: readonly Call[]): Promise<unknown> {
  for (const door of doors) await door.begin();
  try {
    for (const call of calls) {
      const answers: Record<string, string> = {};
      for (const door of doors) answers[door.name] = await door.perform(call);
      if (!readsClock(call) && !agree(answers)) return { call, answers };
      if (!isKvmAnswer(call, answers[doors[0]?.name ?? ''] ?? '')) return { call, answers };
    }
    return undefined;
  } finally {
    for (const door of doors) await door.end();
  }
}

const isOn = (vm: number) => (call: Call) => call.on !== 'system' && call.vm === vm;

/** What one door answers to these calls on fresh VMs. */
async function answersOf(door: Door, calls: readonly Call[]): Promise<[Call, string][]> {
  await door.begin();
  try {
    const answers: [Call, string][] = [];
    for (const call of calls) answers.push([call, await door.perform(call)]);
    return answers;
  } finally {
    await door.end();
  }
}

/** How much memory the doors have after each sequence, while `CALLS` calls are made. */
async function compare(doors: readonly Door[], call: fc.Arbitrary<Call>): Promise<number[]> {
  const sizes: number[] = [];
  let made = 0;
  const sequence = fc.array(call, { minLength: 1, maxLength: SEQUENCE, size: 'max' });
  await fc.assert(
    fc.asyncProperty(sequence, async (calls) => {
      made += calls.length;
      expect(await difference(doors, calls)).toBeUndefined();
      sizes.push(typed.size + ioctl.size);
    }),
    { numRuns: Math.ceil(CALLS / (SEQUENCE / 3)), ...seed },
  );
  expect(made).toBeGreaterThanOrEqual(CALLS);
  return sizes;
}

describe('random calls', () => {
  test('are answered alike by the typed API and by ioctl, and memory is flat', { timeout: 0 }, async () => {
    const sizes = await compare([typed, ioctl], anyCall);
    // What the first half has needed is all that is ever needed.
    expect(sizes.at(-1)).toBe(sizes[Math.floor(sizes.length / 2)]);
  });

  test('on one VM are answered as if there were no other VM', { timeout: 0 }, async () => {
    const sequence = fc.array(anyCall, { minLength: 1, maxLength: SEQUENCE, size: 'max' });
    await fc.assert(
      fc.asyncProperty(sequence, async (calls) => {
        const together = await answersOf(typed, calls);
        for (const vm of [0, 1]) {
          const alone = await answersOf(typed, calls.filter(isOn(vm)));
          const same = ([call]: [Call, string]) => !readsClock(call);
          expect(together.filter(([call]) => isOn(vm)(call)).filter(same)).toEqual(alone.filter(same));
        }
      }),
      { numRuns: Math.ceil(CALLS / SEQUENCE), ...seed },
    );
  });

  test('are answered alike by all three doors as far as files can say them', { timeout: 0 }, async () => {
    await compare([typed, ioctl, files], anyCall.filter(inFiles));
  });
});
