// How components reach the workbench (its state part by part, its actions) and the terminal. It holds neither.

import { createContext, useContext } from 'react';
import { useStore } from './state/store.ts';
import type { ConsoleTerminal } from './state/terminal.ts';
import type { PageState, Workbench } from './state/workbench.ts';

export const WorkbenchContext = createContext<Workbench | undefined>(undefined);
export const TerminalContext = createContext<ConsoleTerminal | undefined>(undefined);

/** The workbench itself, for its actions. */
export function useActions(): Workbench {
  const workbench = useContext(WorkbenchContext);
  if (!workbench) throw new Error('A component stands outside of WorkbenchContext.');
  return workbench;
}

/** A part of the workbench's state; the component renders again when that part changes. */
export function useWorkbench<P>(part: (state: PageState) => P): P {
  return useStore(useActions().state, part);
}
