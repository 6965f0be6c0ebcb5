// How `vitrine run` ends: statuses, signals, the terminal put back, readers that leave.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { flat, lab, MAIN, run, start } from './vitrine.ts';

const real = (name: string, code: string) => flat(name, 'real', `bits 16\norg 0x7c00\n${code}\n`);
const loop = real('loop', 'jmp $');
const greeter = real('greeter', "mov dx, 0x3f8\nmov al, '.'\nout dx, al\njmp $");
const idle = flat('idle', 'protected', 'bits 32\norg 0x10000\nlidt [0]\nsti\nwait_for:\nhlt\njmp wait_for\n');
const chatter = real(
  'chatter',
  `mov dx, 0x3f8
   mov ecx, 1048576
 next:
   mov al, 'x'
   out dx, al
   dec ecx
   jnz next
   mov al, 0
   out 0xf4, al
   hlt`,
);
const parrot = real(
  'parrot',
  `next:
     mov dx, 0x3fd
   wait_for:
     in al, dx
     test al, 1
     jz wait_for
     mov dx, 0x3f8
     in al, dx
     cmp al, 'q'
     je ready
     out dx, al
     jmp next
   ready:
     mov al, 0
     out 0xf4, al
     hlt`,
);
const exitPort = ['--exit-port', '0xf4'];

const ENDINGS: [what: string, args: string[], status: number, sentence: RegExp][] = [
  [
    'the exit port gives (value << 1) | 1',
    [...real('exit', 'mov al, 3\nout 0xf4, al\nhlt'), ...exitPort],
    7,
    /^$/,
  ],
  ['power-off gives 0', real('off', 'mov dx, 0x604\nmov ax, 0x2000\nout dx, ax\nhlt'), 0, /^$/],
  ['HLT without interrupts gives 0', real('halt', 'cli\nhlt'), 0, /Every vCPU has executed HLT/],
  [
    'a reset by the keyboard controller gives 0',
    real('kbd', 'mov al, 0xfe\nout 0x64, al\nhlt'),
    0,
    /asked for a reset/,
  ],
  [
    'a reset by port 0xcf9 gives 0',
    real('cf9', 'mov dx, 0xcf9\nmov al, 6\nout dx, al\nhlt'),
    0,
    /asked for a reset/,
  ],
  ['a reset by port 0x92 gives 0', real('p92', 'mov al, 1\nout 0x92, al\nhlt'), 0, /asked for a reset/],
  [
    'a triple fault gives 4',
    flat('triple', 'protected', 'bits 32\norg 0x10000\nlidt [null]\nud2\nnull: dw 0\ndd 0\n'),
    4,
    /triple-faulted \(KVM_EXIT_SHUTDOWN\)/,
  ],
  [
    'a jump into a hole gives 4',
    flat('hole', 'protected', 'bits 32\norg 0x10000\nmov eax, 0x40000000\njmp eax\n'),
    4,
    /0x40000000 would fetch instructions where no memory slot is \(KVM_EXIT_INTERNAL_ERROR\)/,
  ],
  ['an endless loop gives 124 after --timeout', [...loop, '--timeout', '1'], 124, /did not end within 1 s/],
  ['an idle guest gives 124 after --timeout', [...idle, '--timeout', '1'], 124, /did not end within 1 s/],
];

describe.each(['parallel', 'deterministic'])('with the %s engine', (engine) => {
  test.each(ENDINGS)('%s', (_what, args, status, sentence) => {
    const done = run([...args, '--engine', engine]);
    expect(done.stderr.trim()).toMatch(sentence);
    expect(done.stderr.split('\n').length).toBeLessThanOrEqual(2);
    expect(done.status).toBe(status);
  });

  test('a megabyte of output arrives whole', () => {
    const { status, stdout } = run([...chatter, ...exitPort, '--engine', engine]);
    expect(stdout).toBe('x'.repeat(2 ** 20));
    expect(status).toBe(1);
  });

  test('piped input comes back, more of it than the ring holds', () => {
    const line = 'The brown fox jumps over the lazy dog, said the machine. '.repeat(2000);
    const { status, stdout } = run([...parrot, ...exitPort, '--engine', engine], `${line}q`);
    expect(stdout).toBe(line);
    expect(status).toBe(1);
  });

  test('the end of the input ends nothing', () => {
    const { status, stdout } = run([...lab('echo'), '--engine', engine, '--timeout', '2'], 'abc');
    expect(stdout).toContain('abc');
    expect(status).toBe(124);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it with the status of a shell', async (signal) => {
    const child = start([...greeter, '--engine', engine]);
    // Only now does it run: sooner the signal would find no handler.
    child.stdout?.once('data', () => child.kill(signal));
    expect(await once(child, 'exit')).toEqual([signal === 'SIGINT' ? 130 : 143, null]);
  });
});

test('a reader that leaves early ends the run quietly', () => {
  const command = `"${process.execPath}" ${MAIN} run ${[...chatter, ...exitPort].join(' ')}; echo "status $?" >&2`;
  const done = spawnSync('sh', ['-c', `(${command}) | head -c 1000`], { timeout: 30_000, encoding: 'utf8' });
  expect(done.stdout).toBe('x'.repeat(1000));
  expect(done.stderr).toBe('status 141\n');
});

test('a reader that is slow loses nothing', () => {
  const command = `"${process.execPath}" ${MAIN} run ${[...chatter, ...exitPort].join(' ')}`;
  const done = spawnSync('sh', ['-c', `${command} | (sleep 4; wc -c)`], {
    timeout: 30_000,
    encoding: 'utf8',
  });
  expect(done.stdout.trim()).toBe(String(2 ** 20));
});

const script = spawnSync('script', ['--version']).status === 0;

describe.runIf(script)('on a terminal', () => {
  test.each([
    ['Ctrl-C', '\\003', 130],
    ['Ctrl-A x', '\\001x', 130],
  ])('%s ends the run and the terminal is as before', (_key, keys, status) => {
    const command = `stty -a > before; "$NODE" "$MAIN" run ${idle.join(' ')}; echo "status $?"; stty -a > after; cmp before after && echo same`;
    const done = spawnSync(
      'sh',
      ['-c', `cd "$(mktemp -d)"; (sleep 2; printf '${keys}'; sleep 2) | script -qec "$COMMAND" /dev/null`],
      {
        timeout: 30_000,
        encoding: 'utf8',
        env: { ...process.env, NODE: process.execPath, MAIN: `${process.cwd()}/${MAIN}`, COMMAND: command },
      },
    );
    expect(done.stdout).toContain(`status ${status}`);
    expect(done.stdout).toContain('same');
  });
});

test('an idle guest leaves the processor to others', async () => {
  const command = `"${process.execPath}" ${MAIN} run ${idle.join(' ')} --timeout 5; times`;
  const done = spawnSync('sh', ['-c', command], { timeout: 30_000, encoding: 'utf8' });
  const [user, system] = [...(done.stdout.trim().split('\n').at(-1) ?? '').matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, seconds]) => Number(minutes) * 60 + Number(seconds),
  );
  // Five seconds of idling and the start of Node.
  expect((user ?? 9) + (system ?? 9)).toBeLessThan(2);
});
