// Panels beside or below one another with borders that pointer and keyboard move. It knows no panel.

import { Children, type KeyboardEvent, type PointerEvent, type ReactNode, useRef } from 'react';
import { Guard } from '../parts/Guard.tsx';
import { DEFAULT_LAYOUT, type GroupName, LEAST_SHARE, layout, moved, setShares } from '../state/layout.ts';
import { useStore } from '../state/store.ts';
import './split.css';

/** How far an arrow key moves a border, in percent of the group. */
const KEY_STEP = 2;

interface SplitProps {
  group: GroupName;
  direction: 'row' | 'column';
  /** Accessible name of each border, e.g. `Editor and disassembly`. */
  borders: string[];
  children: ReactNode;
}

/** A group of panels; its shares live in the layout store under `group`. */
export function Split({ group, direction, borders, children }: SplitProps) {
  const frame = useRef<HTMLDivElement>(null);
  const shares = useStore(layout, (all) => all[group]) ?? DEFAULT_LAYOUT[group];
  const panels = Children.toArray(children);
  const isRow = direction === 'row';
  const tracks = shares.map((share) => `minmax(auto, ${share.toFixed(3)}fr)`).join(' auto ');

  const move = (index: number, change: number) => setShares(group, moved(shares, index, change));

  const onKeyDown = (index: number) => (event: KeyboardEvent) => {
    const [less, more] = isRow ? ['ArrowLeft', 'ArrowRight'] : ['ArrowUp', 'ArrowDown'];
    const change = { [less]: -KEY_STEP, [more]: KEY_STEP, Home: -100, End: 100 }[event.key];
    if (event.key === 'Enter') setShares(group, [...DEFAULT_LAYOUT[group]]);
    else if (change !== undefined) move(index, change);
    else return;
    event.preventDefault();
  };

  const onPointerDown = (index: number) => (down: PointerEvent<HTMLDivElement>) => {
    if (down.button !== 0 || !frame.current) return;
    const border = down.currentTarget;
    const size = isRow ? frame.current.clientWidth : frame.current.clientHeight;
    const from = isRow ? down.clientX : down.clientY;
    border.setPointerCapture(down.pointerId);
    const drag = (event: globalThis.PointerEvent) => {
      const way = (isRow ? event.clientX : event.clientY) - from;
      setShares(group, moved(shares, index, (way / size) * 100));
    };
    const drop = () => {
      border.removeEventListener('pointermove', drag);
      border.removeEventListener('pointerup', drop);
      border.removeEventListener('pointercancel', drop);
    };
    border.addEventListener('pointermove', drag);
    border.addEventListener('pointerup', drop);
    border.addEventListener('pointercancel', drop);
  };

  return (
    <div
      ref={frame}
      className="split"
      style={isRow ? { gridTemplateColumns: tracks } : { gridTemplateRows: tracks }}
    >
      {panels.flatMap((panel, index) => [
        <div className="split-panel" key={`panel-${borders[index - 1] ?? 'first'}`}>
          <Guard>{panel}</Guard>
        </div>,
        index < panels.length - 1 && (
          // biome-ignore lint/a11y/useSemanticElements: a focusable separator is a widget, which hr is not.
          <div
            key={`border-${borders[index]}`}
            role="separator"
            tabIndex={0}
            className={`split-border ${isRow ? 'is-upright' : 'is-level'}`}
            aria-label={`${borders[index]}: size`}
            aria-orientation={isRow ? 'vertical' : 'horizontal'}
            aria-valuenow={Math.round(shares[index] ?? 0)}
            aria-valuemin={LEAST_SHARE}
            aria-valuemax={Math.round((shares[index] ?? 0) + (shares[index + 1] ?? 0) - LEAST_SHARE)}
            title="Drag, or arrow keys; Enter restores"
            onKeyDown={onKeyDown(index)}
            onPointerDown={onPointerDown(index)}
            onDoubleClick={() => setShares(group, [...DEFAULT_LAYOUT[group]])}
          />
        ),
      ])}
    </div>
  );
}
