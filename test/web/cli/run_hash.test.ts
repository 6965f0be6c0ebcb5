// The deterministic engine of `vitrine run`: the same guest, seed and input leave the same bytes.
import { describe, expect, test } from 'vitest';
import { flat, lab, statistics } from './vitrine.ts';

/** Two vCPUs add to one counter without LOCK; the second is woken by INIT and SIPI. */
const race = [...lab('lock'), '--engine', 'deterministic'];

describe('the deterministic engine', () => {
  test('leaves the same memory after two runs of a race between two vCPUs', () => {
    const [one, two] = [statistics(race), statistics(race)];
    expect(one.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(two).toMatchObject({ sha256: one.sha256, instructions: one.instructions });
  });

  test('leaves the same memory whatever is compiled', () => {
    const plain = statistics([...race, '--jit', 'off']);
    const compiled = statistics([...race, '--jit', '0']);
    expect(compiled).toMatchObject({ sha256: plain.sha256, instructions: plain.instructions });
  });

  test('interleaves otherwise with another seed', () => {
    const [one, two] = [statistics([...race, '--seed', '3']), statistics([...race, '--seed', '5'])];
    expect(one.sha256).not.toBe(two.sha256);
  });

  test('takes its input as a part of the run', () => {
    const echo = [...lab('echo'), '--engine', 'deterministic'];
    const one = statistics(echo, 'abcq').sha256;
    expect(statistics(echo, 'abcq').sha256).toBe(one);
    expect(statistics(echo, 'abdq').sha256).not.toBe(one);
  });

  test('has its devices as a part of the run', () => {
    const echo = [...lab('echo'), '--engine', 'deterministic', '--rng'];
    expect(statistics(echo, 'abcq').sha256).toBe(statistics(echo, 'abcq').sha256);
  });

  test('shows a guest no clock of the host', () => {
    const source = `bits 16
      org 0x7c00
      mov al, 0          ; seconds of the RTC
      out 0x70, al
      in al, 0x71
      mov [0x500], al
      rdtsc
      mov [0x504], eax
      in al, 0x40        ; counter 0 of the 8254
      mov [0x508], al
      mov al, 0
      out 0xf4, al`;
    const clocks = [...flat('clocks', 'real', source), '--engine', 'deterministic', '--exit-port', '0xf4'];
    const hash = () => statistics(clocks).sha256;
    expect(hash()).toBe(hash());
  });
});
