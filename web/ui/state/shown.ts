// What a panel with several views shows: remembered in this browser and carried by Share. It draws nothing.

import { LANE_FORMAT_IDS } from '../../session/views/index.ts';
import { Store } from './store.ts';

/** What can be chosen, the choice of a first visit first. */
const CHOICES = {
  registers: ['general', 'x87', 'vectors'],
  lanes: LANE_FORMAT_IDS,
  terminal: ['console', 'hvc0', 'shell'],
  lower: ['exits', 'memory', 'devices', 'tiers'],
} as const;

export type Shown = { readonly [name in keyof typeof CHOICES]: (typeof CHOICES)[name][number] };

/** The view of the register panel. */
export type RegisterView = Shown['registers'];

const KEY = 'vitrine.shown';

/** A choice for every name, taken from `from` where it is one of ours. */
export function completedShown(from: Record<string, string>): Shown {
  const chosen = <T extends string>(name: string, choices: readonly [T, ...T[]]) =>
    choices.find((choice) => choice === from[name]) ?? choices[0];
  return {
    registers: chosen('registers', CHOICES.registers),
    lanes: chosen('lanes', CHOICES.lanes),
    terminal: chosen('terminal', CHOICES.terminal),
    lower: chosen('lower', CHOICES.lower),
  };
}

function remembered(): Shown {
  try {
    return completedShown(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Record<string, string>);
  } catch {
    return completedShown({});
  }
}

/** The choices in force. */
export const shown = new Store<Shown>(remembered());

/** Chooses and remembers it in this browser. */
export function show(choice: Partial<Shown>): void {
  shown.patch(choice);
  try {
    localStorage.setItem(KEY, JSON.stringify(shown.get()));
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}
