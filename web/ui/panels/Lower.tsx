// The place at the foot of the page: the exits, guest memory as bytes, the devices, or the tiers, one at a time.

import { Choice } from '../parts/Choice.tsx';
import { show, shown } from '../state/shown.ts';
import { useStore } from '../state/store.ts';
import { Devices } from './Devices.tsx';
import { Exits } from './Exits.tsx';
import { Memory } from './Memory.tsx';
import { Tiers } from './Tiers.tsx';

const OPTIONS = [
  { id: 'exits', label: 'Exits' },
  { id: 'memory', label: 'Memory' },
  { id: 'devices', label: 'Devices' },
  { id: 'tiers', label: 'Tiers' },
] as const;

export function Lower() {
  const chosen = useStore(shown, (choices) => choices.lower);
  const choice = (
    <Choice legend="Shown below" options={OPTIONS} value={chosen} onValue={(lower) => show({ lower })} />
  );
  switch (chosen) {
    case 'memory':
      return <Memory choice={choice} />;
    case 'tiers':
      return <Tiers choice={choice} />;
    case 'devices':
      return <Devices choice={choice} />;
    default:
      return <Exits choice={choice} />;
  }
}
