// The page's keys: F8 runs or pauses, Shift+F8 resets, F9 sets a breakpoint, F10 steps, F6 walks through the panels. Buttons show them.

import { available } from './bar/available.ts';
import type { Workbench } from './state/workbench.ts';

/** Listens on the whole page; returns how to stop. Keys typed into the console go to the guest, F6 excepted. */
export function listenToKeys(bench: Workbench): () => void {
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === 'F6') walk(event.shiftKey ? -1 : 1);
    else if (event.target instanceof Element && event.target.closest('.terminal')) return;
    else if (event.key === 'F8' && event.shiftKey)
      act(available(bench.state.get()).reset, () => bench.reset());
    else if (event.key === 'F8') runOrPause(bench);
    else if (event.key === 'F10' && !event.shiftKey)
      act(available(bench.state.get()).step, () => bench.step());
    else if (event.key === 'F9') toggleBreakpoint();
    else return;
    event.preventDefault();
  };
  addEventListener('keydown', onKeyDown);
  return () => removeEventListener('keydown', onKeyDown);
}

function act(isPossible: boolean, action: () => Promise<void>): void {
  if (isPossible) void action();
}

function runOrPause(bench: Workbench): void {
  const { run, pause } = available(bench.state.get());
  if (run) void bench.run();
  else if (pause) void bench.pause();
}

/** Sets or clears a breakpoint at the instruction that has the focus, else at the one that comes next. */
function toggleBreakpoint(): void {
  const chosen = document.activeElement?.closest<HTMLElement>('.dis-break');
  (chosen ?? document.querySelector<HTMLElement>('tr[aria-current="step"] .dis-break'))?.click();
}

/** Moves the focus to the next or previous panel, into its editor or terminal where it has one. */
function walk(direction: 1 | -1): void {
  const panels = [...document.querySelectorAll<HTMLElement>('[data-panel]')];
  const at = panels.findIndex((panel) => panel.contains(document.activeElement));
  const from = at < 0 && direction < 0 ? 0 : at;
  const next = panels[(from + direction + panels.length) % panels.length];
  const inside = next?.querySelector<HTMLElement>(
    '.cm-content, .xterm-helper-textarea, .panel-body[tabindex], .exit-list, .hex table',
  );
  (inside ?? next)?.focus();
}
