import { describe, expect, test } from 'vitest';
import { InteractiveShell, Shell } from '../../../web/sh/index.ts';
import { makeTree } from './tree.ts';

/** A shell at a terminal of 40 columns that only keeps what is drawn. */
function start(env: Record<string, string> = {}) {
  const tree = makeTree();
  const shell = new Shell({ fs: tree.fs, cwd: '/tmp', env });
  let drawn = '';
  const interactive = new InteractiveShell({
    shell,
    columns: 40,
    output: (bytes) => {
      drawn += Buffer.from(bytes).toString('latin1');
    },
  });
  const ended = interactive.run();
  const type = (text: string) => interactive.input(new Uint8Array(Buffer.from(text, 'latin1')));
  /** Waits until `text` has been drawn since the last call. */
  const see = async (text: string): Promise<string> => {
    const seen = () =>
      drawn
        .split('\x1b')
        .join('^')
        .replace(/\^\[[0-9;]*[A-Z]/g, '');
    while (!seen().includes(text)) await new Promise((resolve) => setTimeout(resolve, 1));
    const all = seen();
    drawn = '';
    return all;
  };
  return { ...tree, interactive, ended, type, see };
}

const KEY = {
  up: '\x1b[A',
  down: '\x1b[B',
  left: '\x1b[D',
  home: '\x01',
  end: '\x05',
  tab: '\t',
  interrupt: '\x03',
  search: '\x12',
};

describe('a prompt', () => {
  test('runs lines until ^D, and gives the last status', async () => {
    const { type, see, ended } = start();
    type('echo hi; false\r');
    await see('hi\r\n');
    type('\x04');
    expect(await ended).toBe(1);
  });

  test('ends with the status of exit, and runs the trap of EXIT', async () => {
    const { type, see, ended } = start();
    type("trap 'echo bye' EXIT; exit 7\r");
    await see('bye\r\n');
    expect(await ended).toBe(7);
  });

  test('edits with cursor keys, erasing and cutting', async () => {
    const { type, see } = start();
    type(`cho ab${KEY.home}e${KEY.end}${KEY.left}\x7fx\r`);
    await see('\r\nxb\r\n');
    type('echo \u00c3\u00a9x\x7f\x7fy\r');
    await see('\r\ny\r\n');
    type('echo a b\x17\x17c\x19\r');
    await see('\r\nca\r\n');
  });

  test('goes through the history', async () => {
    const { type, see } = start();
    type('echo one\recho two\r');
    await see('\r\ntwo\r\n');
    type(`${KEY.up}${KEY.up}\r`);
    await see('\r\none\r\n');
    type(`typed${KEY.up}${KEY.down}\x15echo three\r`);
    await see('\r\nthree\r\n');
    type(`${KEY.search}tw\r`);
    await see('\r\ntwo\r\n');
    type('history\r');
    await see('    4  echo three');
  });

  test('asks on for a command that is not complete', async () => {
    const { type, see } = start();
    type('for i in 1 2\r');
    await see('> ');
    type('do echo n$i\r done\r');
    await see('n1\r\nn2\r\n');
    type('cat <<E\rin\rE\r');
    await see('\r\nin\r\n');
    type("echo 'a\rb'\r");
    await see('\r\na\r\nb\r\n');
    type('echo a \\\rb\r');
    await see('\r\na b\r\n');
  });

  test('says a syntax error and goes on', async () => {
    const { type, see } = start();
    type('fi\r');
    await see('Syntax error');
    type('echo $?\r');
    await see('\r\n2\r\n');
  });

  test('goes on after an error that would end a script', async () => {
    const { type, see } = start();
    type('readonly x=1; x=2\r');
    await see('read only');
    type('echo here $x\r');
    await see('here 1\r\n');
  });

  test('expands PS1', async () => {
    const { see } = start({ PS1: '$PWD# ' });
    await see('/tmp# ');
  });
});

describe('Tab', () => {
  test('completes a command, a variable and a path', async () => {
    const { type, see } = start();
    type(`> 'file name'; mkdir dir; long_name=5\r`);
    await see('$ ');
    type(`sha25${KEY.tab}fi${KEY.tab}\r`);
    await see('  file name\r\n');
    type(`ec${KEY.tab}$long${KEY.tab}\r`);
    await see('\r\n5\r\n');
    type(`ls -d di${KEY.tab}\r`);
    await see('\r\ndir/\r\n');
  });

  test('shows what there is when there are several', async () => {
    const { type, see } = start();
    type('> aa1; > aa2\r');
    await see('$ ');
    type(`cat a${KEY.tab}${KEY.tab}`);
    await see('aa1  aa2\r\n');
  });
});

describe('^C', () => {
  test.each([
    ['a tight loop', 'while :; do :; done\r'],
    ['a blocking read', 'cat /kvm/event\r'],
    ['a read of the terminal', 'cat\r'],
    ['a job in the foreground', 'sleep 100 & fg\r'],
  ])('ends %s and gives the prompt back', async (_name, command) => {
    const { type, see } = start();
    type(command);
    await new Promise((resolve) => setTimeout(resolve, 20));
    type(KEY.interrupt);
    await see('^C\r\n');
    type('echo $?\r');
    await see('\r\n130\r\n');
  });

  test('at the prompt forgets the line', async () => {
    const { type, see } = start();
    type(`echo no${KEY.interrupt}echo yes\r`);
    expect(await see('\r\nyes\r\n')).not.toContain('\r\nno');
  });

  test('leaves background jobs alone', async () => {
    const { type, see } = start();
    type('sleep 0.1 & sleep 100\r');
    await new Promise((resolve) => setTimeout(resolve, 20));
    type(KEY.interrupt);
    await see('^C');
    type('wait %1; echo status $?\r');
    await see('status 0');
  });
});

describe('a command at the terminal', () => {
  test('reads lines with echo and erasing, until ^D', async () => {
    const { type, see } = start();
    type('cat | tr a-z A-Z\r');
    await new Promise((resolve) => setTimeout(resolve, 20));
    type('abx\x7fc\r\x04');
    await see('ABC\r\n');
  });

  test('leaves what it did not read to the prompt', async () => {
    const { type, see } = start();
    type('sleep 0.05\recho later\r');
    await see('\r\nlater\r\n');
  });

  test('leaves a ^D that it did not read to the prompt, which ends', async () => {
    const { type, ended } = start();
    type('sleep 0.05; false\r\x04');
    expect(await ended).toBe(1);
  });

  test('knows that it is one', async () => {
    const { type, see } = start();
    type('[ -t 0 ] && [ -t 1 ] && echo terminal; ls | cat; echo $COLUMNS\r');
    await see('terminal\r\n40\r\n');
  });
});
