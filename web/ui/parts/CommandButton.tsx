// A button that acts on the machine's files: its title says the command, and its context menu (right click, Shift+F10)
// copies it. What the button does is its owner's business.

import { type ButtonHTMLAttributes, type MouseEvent, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { CommandLine } from './CommandLine.tsx';

interface CommandButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** What the command does, in a word. */
  name: string;
  /** The command, as it is in most cases: the title shows it. */
  command: string;
  /** The command as things stand now, where that takes some work. */
  script?: () => Promise<string>;
}

/** Room that the menu needs beside the pointer, in pixels. */
const WIDTH = 476;
const HEIGHT = 120;

export function CommandButton({ name, command, script, title, ...button }: CommandButtonProps) {
  const menu = useRef<HTMLDivElement>(null);
  const [text, setText] = useState<string>();

  const open = async (event: MouseEvent) => {
    event.preventDefault();
    const { bottom, left } = event.currentTarget.getBoundingClientRect();
    const now = script ? await script() : command;
    // Drawn before it can be copied; until then a button has no menu.
    flushSync(() => setText(now));
    const shown = menu.current;
    if (!shown) return;
    shown.style.left = `${Math.max(8, Math.min(left, innerWidth - WIDTH))}px`;
    shown.style.top = `${Math.min(bottom + 4, innerHeight - HEIGHT)}px`;
    shown.showPopover();
    shown.querySelector('button')?.focus();
  };

  return (
    <>
      <button
        type="button"
        {...button}
        title={title ? `${title}\n${command}` : command}
        onContextMenu={(event) => void open(event)}
      />
      {text !== undefined && (
        <div
          ref={menu}
          popover="auto"
          className="popover command-menu"
          role="dialog"
          aria-label={`Copy as shell: ${name}`}
        >
          <h2>Copy as shell: {name}</h2>
          <CommandLine name={name} text={text} />
        </div>
      )}
    </>
  );
}
