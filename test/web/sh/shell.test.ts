import { describe, expect, test } from 'vitest';
import { Shell, type Stream } from '../../../web/sh/index.ts';
import { runOurs, sink } from './fragments.ts';
import { makeTree } from './tree.ts';

function start(script: string, stdin?: Stream) {
  const tree = makeTree();
  const shell = new Shell({ fs: tree.fs, cwd: '/tmp' });
  const [stdout, stderr] = [sink(), sink()];
  const abort = new AbortController();
  const ended = shell.run(script, { stdout, stderr, signal: abort.signal, ...(stdin ? { stdin } : {}) });
  return { ...tree, shell, stdout, stderr, abort, ended };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await pause(1);
}

describe('one value is one write', () => {
  test.each([
    ['echo', 'echo 1 > /kvm/value'],
    ['printf', 'printf 1 > /kvm/value'],
    ['cp', 'echo 1 > f; cp f /kvm/value'],
    ['cat', 'echo 1 | cat > /kvm/value'],
    ['a pipeline of sed', 'printf 7 | sed s/7/1/ > /kvm/value'],
    ['dd', 'printf 1 | dd of=/kvm/value status=none'],
    ['tee', 'printf 1 | tee /kvm/value > /dev/null'],
  ])('%s', async (_name, script) => {
    const { ended, values } = start(script);
    expect([await ended, values]).toEqual([0, ['1']]);
  });

  test('a group writes as often as its commands', async () => {
    const { ended, values } = start('{ echo 1; echo 2; } > /kvm/value');
    await ended;
    expect(values).toEqual(['1', '2']);
  });

  test('a refused value is a message and status 1, and the script goes on', async () => {
    const { ended, stdout, stderr } = start('echo abc > /kvm/value; echo $?');
    expect([await ended, stdout.text(), stderr.text()]).toEqual([
      0,
      '1\n',
      'echo: write error: EINVAL: a value is a number\n',
    ]);
  });

  test('a big copy goes in blocks of 64 KiB', async () => {
    const { stdout } = await runOurs('yes | head -c 200000 > f; cp f g; cmp f g && wc -c < g');
    expect(stdout).toBe('200000\n');
  });
});

describe('streams', () => {
  test('a pipeline passes on what has come while its input waits', async () => {
    const { emit, stdout, abort, ended } = start(
      'while read -r x; do echo "$x"; done < /kvm/event | sed s/a/b/ | grep b',
    );
    emit('a1');
    await until(() => stdout.text() === 'b1\n');
    emit('a2');
    await until(() => stdout.text() === 'b1\nb2\n');
    abort.abort();
    expect(await ended).toBe(130);
  });

  test('NUL bytes pass through pipes and utilities', async () => {
    const { stdout } = await runOurs("printf 'a\\000b\\377' | cat | tr b c | tee f | od -An -tx1; wc -c < f");
    expect(stdout).toBe(' 61 00 63 ff\n4\n');
  });

  test('commands read from the same input as the shell', async () => {
    const shell = new Shell({ fs: makeTree().fs });
    const stdout = sink();
    const status = await shell.runInput({ stdin: 'read x\nline\necho "[$x]"\ncat\nrest\n', stdout });
    expect([status, stdout.text()]).toEqual([0, '[line]\nrest\n']);
  });
});

describe('a signal', () => {
  test.each([
    ['a tight loop', 'while :; do :; done'],
    ['a loop over true | true', 'while true | true; do :; done'],
    ['a blocking read', 'cat /kvm/event'],
    ['a blocking read of the shell', 'read x < /kvm/event; echo no'],
    ['sleep', 'sleep 100; echo no'],
    ['endless output', 'yes > /dev/null'],
    ['a pipeline', 'yes | cat | grep x'],
    ['wait', 'sleep 100 & wait; echo no'],
  ])('ends %s', async (_name, script) => {
    const { abort, ended, stdout } = start(script);
    await pause(20);
    abort.abort();
    expect([await ended, stdout.text()]).toEqual([130, '']);
  });

  test('finds the event loop free: a tight loop lets timers run', async () => {
    const { abort, ended } = start('while :; do x=$((x+1)); done');
    let ticks = 0;
    for (let count = 0; count < 5; count++) {
      await pause(0);
      ticks++;
    }
    abort.abort();
    await ended;
    expect(ticks).toBe(5);
  });

  test('that is trapped runs its action and the script goes on', async () => {
    const { abort, ended, stdout } = start("trap 'echo got' INT; echo set; sleep 100; echo $?");
    await until(() => stdout.text() === 'set\n');
    abort.abort();
    expect([await ended, stdout.text()]).toEqual([0, 'set\ngot\n130\n']);
  });

  // As dash does it.
  test.each(['set -e; ', ''])(
    'that is trapped with an exit runs the trap of EXIT too: %s',
    async (before) => {
      const { abort, ended, stdout } = start(
        `${before}trap 'echo bye' EXIT; trap 'echo got; exit 3' INT; echo set; sleep 100`,
      );
      await until(() => stdout.text() === 'set\n');
      abort.abort();
      expect([await ended, stdout.text()]).toEqual([3, 'set\ngot\nbye\n']);
    },
  );
});

describe('a shell', () => {
  test('keeps variables, functions and its directory from run to run', async () => {
    const { fs } = makeTree();
    const shell = new Shell({ fs, cwd: '/tmp' });
    const stdout = sink();
    await shell.run('x=1; f() { echo f; }; mkdir d; cd d', { stdout });
    await shell.run('echo $x; f; pwd', { stdout });
    expect(stdout.text()).toBe('1\nf\n/tmp/d\n');
  });

  test('gives a script its name and arguments', async () => {
    const shell = new Shell({ fs: makeTree().fs });
    const stdout = sink();
    await shell.run('echo "$0 $1 $#"', { stdout, name: 'me', args: ['é', 'b'] });
    expect(Buffer.from(stdout.text(), 'latin1').toString()).toBe('me é 2\n');
  });

  test('has names of files in UTF-8', async () => {
    const { stdout } = await runOurs("printf x > '\u00c3\u00a9'; ls; echo *; cat ?? ");
    expect(stdout).toBe('\u00c3\u00a9\n\u00c3\u00a9\nx');
  });

  test('lists what there is with help', async () => {
    const { stdout } = await runOurs('help sed cd');
    expect(stdout).toMatch(/^sed .*\ncd /);
  });

  test('says jobs and what became of them', async () => {
    const { stdout } = await runOurs('sleep 100 & jobs; kill %1; wait %1; echo $?');
    expect(stdout).toBe('[1] + Running           sleep 100\n143\n');
  });

  test('brings a job to the foreground', async () => {
    const { stdout } = await runOurs('(sleep 0.02; echo done; exit 3) & fg; echo $?');
    expect(stdout).toContain('done\n3\n');
  });

  test('follows a file that grows', async () => {
    const { stdout } = await runOurs(
      'echo 1 > f; tail -f f & sleep 0.15; echo 2 >> f; sleep 0.3; kill %1; wait',
    );
    expect(stdout).toBe('1\n2\n');
  });

  test('repeats a command with watch', async () => {
    const { stdout } = await runOurs('watch -t -n 0.1 echo tick & sleep 0.35; kill %1; wait');
    expect(stdout.split('tick').length).toBeGreaterThan(2);
  });
});

describe('beyond dash', () => {
  test.each([
    [
      "$'...' knows C's escapes",
      "printf %s $'a\\tb\\x41\\101\\'' | od -An -c",
      "   a  \\t   b   A   A   '\n",
    ],
    ['arithmetic counts up and down', 'x=1; echo $((x++)) $((++x)) $((x--)) $((--x)) $x', '1 3 3 1 1\n'],
    ['arithmetic has a comma', 'echo $((x=2,x*3))', '6\n'],
    ['a here-string is an input', "read a b <<< 'one two'; echo $b", 'two\n'],
    ['quotes are dropped in arithmetic', 'x=3; echo $(("$x"+1))', '4\n'],
    ['LINENO counts lines', 'echo $LINENO\necho $LINENO', '1\n2\n'],
  ])('%s', async (_name, script, expected) => {
    expect((await runOurs(script)).stdout).toBe(expected);
  });
});
