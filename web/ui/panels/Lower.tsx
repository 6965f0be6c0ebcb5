// The place at the foot of the page: the exits, or guest memory as bytes, one at a time.

import { Choice } from '../parts/Choice.tsx';
import { show, shown } from '../state/shown.ts';
import { useStore } from '../state/store.ts';
import { Exits } from './Exits.tsx';
import { Memory } from './Memory.tsx';

const OPTIONS = [
  { id: 'exits', label: 'Exits' },
  { id: 'memory', label: 'Memory' },
] as const;

export function Lower() {
  const chosen = useStore(shown, (choices) => choices.lower);
  const choice = (
    <Choice legend="Shown below" options={OPTIONS} value={chosen} onValue={(lower) => show({ lower })} />
  );
  return chosen === 'memory' ? <Memory choice={choice} /> : <Exits choice={choice} />;
}
