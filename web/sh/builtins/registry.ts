// All builtins by name: those that change the shell, and utilities that run in its own process as in dash.

import { asBuiltin } from '../run/command.ts';
import type { Builtin } from '../run/interpreter.ts';
import type { Utility } from '../utilities/call.ts';
import { CONTROL } from './control.ts';
import { JOBS } from './jobs.ts';
import { PLACES } from './places.ts';
import { VARIABLES } from './variables.ts';

const SHARED = ['[', 'echo', 'false', 'printf', 'test', 'true'];

/** The builtins of a shell with these utilities. */
export function makeBuiltins(utilities: ReadonlyMap<string, Utility>): ReadonlyMap<string, Builtin> {
  const builtins = new Map(Object.entries({ ...CONTROL, ...JOBS, ...PLACES, ...VARIABLES }));
  for (const name of SHARED) {
    const utility = utilities.get(name);
    if (utility) builtins.set(name, asBuiltin(utility));
  }
  return builtins;
}
