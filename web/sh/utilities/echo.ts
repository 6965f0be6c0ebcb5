// echo as dash has it: -n, and backslash escapes always. clear, true, false, yes: what needs no input.

import type { Call, Utility } from './call.ts';
import { expandEscapes } from './escapes.ts';

async function echo(call: Call): Promise<number> {
  const words = [...call.args];
  let end = '\n';
  if (words[0] === '-n') {
    end = '';
    words.shift();
  }
  const { text, stops } = expandEscapes(words.join(' '), 'echo');
  await call.out(stops ? text : text + end);
  return 0;
}

async function yes(call: Call): Promise<number> {
  const line = `${call.args.length > 0 ? call.args.join(' ') : 'y'}\n`;
  const block = line.repeat(Math.max(1, Math.floor(8192 / line.length)));
  for (;;) {
    await call.out(block);
    await call.flush();
  }
}

export const ECHO: Utility[] = [
  {
    name: 'clear',
    usage: 'clear',
    async run(call) {
      await call.out('\x1b[H\x1b[2J\x1b[3J');
      return 0;
    },
  },
  { name: 'echo', usage: 'echo [-n] [text...]', run: echo },
  { name: 'false', usage: 'false', run: () => 1 },
  { name: 'true', usage: 'true', run: () => 0 },
  { name: 'yes', usage: 'yes [text...]', run: yes },
];
