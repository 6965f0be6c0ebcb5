// Guest-physical space drawn to scale: slots, and the holes where every access leaves the guest.

import { type CSSProperties, useState } from 'react';
import { addressSpace, readSlots, type Slot, type Stretch } from '../../session/views/index.ts';
import { bytes, hex, plural } from '../parts/numbers.ts';
import { Panel } from '../parts/Panel.tsx';
import { useMachine } from '../state/watch.ts';
import { BalloonPages } from './BalloonPages.tsx';
import { Pins } from './Pins.tsx';
import './memory_slots.css';

export function MemorySlots() {
  const slots = useMachine(readSlots) ?? [];
  const [pointed, setPointed] = useState<number>();
  const stretches = addressSpace(slots);
  const total = slots.reduce((sum, slot) => sum + slot.size, 0);
  if (slots.length === 0) {
    return (
      <Panel name="Memory slots">
        <p className="panel-empty">
          The slots of the machine appear here: guest-physical addresses backed by memory.
        </p>
      </Panel>
    );
  }
  return (
    <Panel name="Memory slots" note={`${plural(slots.length, 'slot')}, ${bytes(total)}`} className="slots">
      <div className="space" aria-hidden="true">
        {stretches.map((stretch) => (
          <div
            key={stretch.start}
            className={stretchClass(stretch, pointed === stretch.start)}
            style={{ '--share': stretch.share } as CSSProperties}
            onPointerEnter={() => setPointed(stretch.start)}
            onPointerLeave={() => setPointed(undefined)}
          >
            <span>{stretch.slot ? stretch.slot.id : stretch.compressed ? '⋯' : ''}</span>
          </div>
        ))}
      </div>
      <table className="slot-table">
        <caption className="visually-hidden">Guest-physical address space, lowest address first</caption>
        <thead>
          <tr>
            <th scope="col">guest-physical</th>
            <th scope="col">size</th>
            <th scope="col">backed by</th>
          </tr>
        </thead>
        <tbody>
          {stretches.map((stretch) => (
            <tr
              key={stretch.start}
              className={`${stretch.slot ? '' : 'is-hole'}${pointed === stretch.start ? ' is-pointed' : ''}`}
              onPointerEnter={() => setPointed(stretch.start)}
              onPointerLeave={() => setPointed(undefined)}
            >
              <td className="mono">{hex(stretch.start, 8)}</td>
              <td>{bytes(stretch.end - stretch.start)}</td>
              <td>{stretch.slot ? <SlotText slot={stretch.slot} /> : 'no slot: MMIO exit'}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <BalloonPages />
      <Pins />
    </Panel>
  );
}

function stretchClass({ slot, compressed }: Stretch, isPointed: boolean): string {
  const kind = !slot ? 'is-hole' : slot.readonly ? 'is-readonly' : slot.logDirty ? 'is-logged' : 'is-slot';
  return `stretch ${kind}${compressed ? ' is-compressed' : ''}${isPointed ? ' is-pointed' : ''}`;
}

function SlotText({ slot }: { slot: Slot }) {
  const flags = [slot.readonly && 'READONLY', slot.logDirty && 'LOG_DIRTY'].filter(Boolean).join(' | ');
  return (
    <>
      <b>slot {slot.id}</b> <span className="mono slot-hva">hva {hex(slot.hva)}</span>{' '}
      {flags && (
        <span className="slot-flags" title={slot.logDirty ? 'KVM_MEM_LOG_DIRTY_PAGES' : 'KVM_MEM_READONLY'}>
          {flags}
        </span>
      )}
    </>
  );
}
