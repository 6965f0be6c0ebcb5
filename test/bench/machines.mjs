// The machines that are compared, and how each is started for a guest. Starts nothing.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OTHER_JIT } from './options.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const MAIN = join(HERE, '..', '..', 'build', 'cli', 'main.js');

/** `vitrine run` with these options more. */
const vitrine =
  (...options) =>
  ({ kernel, initrd, append, multiboot, memory, cpus }) => [
    process.execPath,
    [
      ...[MAIN, 'run', '--kernel', multiboot ?? kernel, '--memory', String(memory), '--cpus', String(cpus)],
      ...(multiboot ? [] : ['--initrd', initrd, '--append', append]),
      ...options,
    ],
  ];

const v86 = (jit) => (guest) => [
  process.execPath,
  [join(HERE, 'v86.mjs'), JSON.stringify({ ...guest, jit })],
];

const qemu = ({ kernel, initrd, append, multiboot, memory, cpus, bits }) => [
  // For a 32-bit guest the emulator of 32-bit processors: TCG's code for it is better.
  bits === 32 ? 'qemu-system-i386' : 'qemu-system-x86_64',
  [
    ...['-accel', 'tcg', '-smp', String(cpus), '-m', String(memory / 2 ** 20), '-nic', 'none', '-nographic'],
    ...['-no-reboot', '-kernel', multiboot ?? kernel],
    ...(multiboot ? [] : ['-initrd', initrd, '-append', append]),
  ],
];

/**
 * By their names in tables and JSON: `command` of a guest (`{ kernel, initrd, append } or { multiboot }, memory, cpus, bits`);
 * `isSlow` ones get fewer turns; `long` ones run 64-bit guests, and several processors. With `isBrowser` a command is a page
 * of browser/ and its guest; QEMU has none.
 */
export function machinesFor({ jit, machines, browser: isBrowser }) {
  const others = machines.flatMap((name) => OTHER_JIT.exec(name)?.[1] ?? []);
  const named = (make) => Object.fromEntries(others.map((one) => [`vitrine-${one}`, make(one)]));
  const page = (name, compileAfter) => (guest) => [name, { ...guest, jit: compileAfter }];
  if (isBrowser) {
    return {
      vitrine: { long: true, command: page('vitrine', Number(jit)) },
      ...named((one) => ({ long: true, command: page('vitrine', Number(one)) })),
      interpreter: { long: true, isSlow: true, command: page('vitrine', 'off') },
      v86: { command: page('v86', 0) },
      'v86-interpreter': { isSlow: true, command: page('v86', 'off') },
    };
  }
  return {
    vitrine: { long: true, command: vitrine('--jit', jit) },
    ...named((one) => ({ long: true, command: vitrine('--jit', one) })),
    interpreter: { long: true, isSlow: true, command: vitrine('--jit', 'off') },
    v86: { command: v86(true) },
    'v86-interpreter': { isSlow: true, command: v86(false) },
    qemu: { long: true, command: qemu },
  };
}
