// The serial console: what the guest writes, and where a person types. The terminal itself outlives this component.

import { useContext, useEffect, useRef } from 'react';
import { TerminalContext } from '../context.ts';
import { Panel } from '../parts/Panel.tsx';
import { useStore } from '../state/store.ts';
import { theme } from '../state/theme.ts';
import './console.css';

export function Console() {
  const terminal = useContext(TerminalContext);
  const host = useRef<HTMLDivElement>(null);
  const shade = useStore(theme);

  useEffect(() => (host.current && terminal ? terminal.attach(host.current) : undefined), [terminal]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new theme is painted, though not read by name.
  useEffect(() => terminal?.paint(), [terminal, shade]);

  const hint = (
    <>
      Serial port COM1 · every key goes to the guest, <kbd>F6</kbd> leaves
    </>
  );
  return (
    <Panel name="Console" note={hint} className="console" isScrolling={false}>
      <div ref={host} className="console-host" />
    </Panel>
  );
}
