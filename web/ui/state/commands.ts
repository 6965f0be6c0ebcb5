// The commands that the page has carried out on the machine's files, as lines of a shell, newest last. It runs none.

import type { Command } from '../../session/types.ts';
import { Store } from './store.ts';

/** One command, as often as it came in a row. */
export interface LoggedCommand extends Command {
  readonly number: number;
  readonly times: number;
}

const MOST = 200;
/** What only looks, as an automatic harvest does, is counted where it stands among so many. */
const LOOK = /^xxd /;
const NEAR = 8;
/** Keys typed one after the other are one command. */
const TYPED = /^printf '(.*)' > (\/kvm\/\S+\/console)$/s;

/** The list with one more command. */
export function logged(list: readonly LoggedCommand[], command: Command): readonly LoggedCommand[] {
  const last = list.at(-1);
  const typed = TYPED.exec(command.text);
  const before = last && !last.error && TYPED.exec(last.text);
  if (last && typed && before && !command.error) {
    return [...list.slice(0, -1), { ...last, text: `printf '${before[1]}${typed[1]}' > ${before[2]}` }];
  }
  const near = LOOK.test(command.text) ? list.slice(-NEAR) : list.slice(-1);
  const same = near.find(({ text, error }) => text === command.text && error === command.error);
  if (same) return list.map((each) => (each === same ? { ...each, times: each.times + 1 } : each));
  return [...list, { ...command, number: (last?.number ?? 0) + 1, times: 1 }].slice(-MOST);
}

/** The page's list. */
export class CommandLog {
  readonly list = new Store<readonly LoggedCommand[]>([]);

  add(command: Command): void {
    this.list.set(logged(this.list.get(), command));
  }
}
