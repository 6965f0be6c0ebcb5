// A kernel that resets its machine: it starts anew, or ends where that is forbidden.
import { expect, test } from 'vitest';
import { assemble } from '../../../web/asm/index.ts';
import { file, flat, run } from './vitrine.ts';

/** Prints A, then does what a byte of serial input says: resets in one of four ways, ends by the exit port, or nothing. */
const CODE = `bits 32
org 0x100000
header:
dd 0x1badb002, 0x10000, 0xe4514ffe, header, 0x100000, finish, finish, start
start:
  mov dx, 0x3f8
  mov al, 'A'
  out dx, al
wait_for:
  mov dx, 0x3fd
  in al, dx
  test al, 1
  jz wait_for
  mov dx, 0x3f8
  in al, dx
  cmp al, 'c'
  je control
  cmp al, 'k'
  je keyboard
  cmp al, 'p'
  je port92
  cmp al, 't'
  je triple
  cmp al, '!'
  jne wait_for
  mov al, 3
  out 0xf4, al
control:
  mov dx, 0xcf9
  mov al, 6
  out dx, al
  jmp $
keyboard:
  mov al, 0xfe
  out 0x64, al
  jmp $
port92:
  mov al, 1
  out 0x92, al
  jmp $
triple:
  lidt [nothing]
  ud2
nothing:
  dw 0
  dd 0
finish:
`;

function image(): Uint8Array {
  const result = assemble(CODE);
  if (result.errors !== undefined) throw new Error(result.errors[0]?.message);
  return result.bytes;
}

const kernel = ['--kernel', file('reboot.elf', image()), '--memory', '4M', '--exit-port', '0xf4'];

test.each([[[]], [['--engine', 'deterministic']], [['--cpus', '2']]])(
  'a kernel that resets its machine, in whatever way, starts anew and reads on %j',
  (options) => {
    // What the serial port holds at a reset is lost, as on a PC.
    const { stdout, stderr, status } = run([...kernel, ...options], 'c..k..p..t..!');
    expect([stdout, stderr, status]).toEqual(['AAAAA', '', 7]);
  },
);

test.each([
  ['c', 0, /asked for a reset/],
  ['t', 4, /triple-faulted/],
])('with --no-reboot the run ends at it: %s', (input, wanted, sentence) => {
  const { stdout, stderr, status } = run([...kernel, '--no-reboot'], input);
  expect([stdout, status]).toEqual(['A', wanted]);
  expect(stderr).toMatch(sentence);
});

test('a flat image ends anyway, so --no-reboot is refused beside it', () => {
  const { stderr, status } = run([...flat('none', 'real', 'bits 16\norg 0x7c00\nhlt\n'), '--no-reboot']);
  expect([status, stderr]).toEqual([2, expect.stringContaining('--no-reboot means nothing with --flat')]);
});
