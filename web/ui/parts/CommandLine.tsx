// A command of the shell with a button that copies it. It runs nothing.

import { Check, Copy } from 'lucide-react';
import { type ReactNode, type RefObject, useEffect, useRef, useState } from 'react';
import './command_line.css';

/** How long the button says that the text was copied, in ms. */
const CONFIRMED_MS = 2000;

interface CopyButtonProps {
  /** What the command does, for the button's name: `Copy as shell: Run`. */
  name: string;
  text: string;
  /** Where the text stands: it is selected where the clipboard may not be written. */
  shown?: RefObject<HTMLElement | null>;
  /** Words beside the sign. */
  children?: ReactNode;
}

export function CopyButton({ name, text, shown, children }: CopyButtonProps) {
  const [copied, setCopied] = useState<string>();
  const isCopied = copied === text;

  useEffect(() => {
    if (copied === undefined) return;
    const timer = setTimeout(() => setCopied(undefined), CONFIRMED_MS);
    return () => clearTimeout(timer);
  }, [copied]);

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(text);
    } catch {
      // Without leave to write the clipboard the text is selected, to be copied by hand.
      if (shown?.current) getSelection()?.selectAllChildren(shown.current);
    }
  };

  const label = isCopied ? `Copied: ${name}` : `Copy as shell: ${name}`;
  return (
    <>
      <button
        type="button"
        className="button is-small is-quiet"
        aria-label={label}
        title={label}
        onClick={() => void copy()}
      >
        {isCopied ? <Check size={13} aria-hidden="true" /> : <Copy size={13} aria-hidden="true" />}
        {children}
      </button>
      <span className="visually-hidden" role="status">
        {isCopied ? 'Copied to the clipboard' : ''}
      </span>
    </>
  );
}

type CommandLineProps = Pick<CopyButtonProps, 'name' | 'text'>;

export function CommandLine({ name, text }: CommandLineProps) {
  const code = useRef<HTMLElement>(null);
  return (
    <div className="command">
      <code ref={code} className="command-text">
        {text}
      </code>
      <CopyButton name={name} text={text} shown={code} />
    </div>
  );
}
