// The pages of guest memory as the balloon knows them: a map from the lowest address to the highest, with its legend. A
// machine without a balloon shows nothing.

import { useCallback, useEffect, useRef, useState } from 'react';
import { VM } from '../../session/actions.ts';
import { BalloonSweep, countDirty, type MachineMemory, readBalloon } from '../../session/views/index.ts';
import { CopyButton } from '../parts/CommandLine.tsx';
import { bytes, plural } from '../parts/numbers.ts';
import { useStore } from '../state/store.ts';
import { theme } from '../state/theme.ts';
import { useMachine } from '../state/watch.ts';
import { mapOf, paintBalloon } from './balloon_map.ts';
import './balloon.css';

const PAGE = 0x1000;
/** Reported pages are tested for zeroes while the map is in sight: this often, some thousand a time. */
const INTERVAL_MS = 250;

export function BalloonPages() {
  const balloon = useMachine(readBalloon, INTERVAL_MS);
  return balloon && <PageMap pages={balloon.pages} />;
}

function PageMap({ pages }: { pages: number }) {
  const [sweep] = useState(() => new BalloonSweep());
  const look = useCallback((memory: MachineMemory) => sweep.look(memory), [sweep]);
  const found = useMachine(look, INTERVAL_MS);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const shade = useStore(theme);
  const map = mapOf(pages, width);

  useEffect(() => {
    const frame = canvas.current?.parentElement;
    if (!frame) return;
    const observer = new ResizeObserver(() => setWidth(frame.clientWidth));
    observer.observe(frame);
    return () => observer.disconnect();
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new theme is painted, though not read by name.
  useEffect(() => {
    if (canvas.current && found && width > 0) paintBalloon(canvas.current, pages, width, found);
  }, [found, pages, width, shade]);

  const held = countDirty(found?.held ?? new Uint8Array());
  const free = countDirty(found?.free ?? new Uint8Array());
  const rows = [
    ['held', held, 'Held by the balloon: the guest has given these pages back, and may not use them'],
    ['free', free, 'Reported free by the guest and zero still; it may use them again without a word'],
    ['guest', pages - held - free, "The guest's: in use, or free in pieces too small to be reported"],
  ] as const;
  const words = { held: 'held', free: 'reported free', guest: 'the guest’s' };
  const summary = rows.map(([kind, count]) => `${words[kind]} ${bytes(count * PAGE)}`).join(', ');
  return (
    <section className="balloon" aria-label="Balloon">
      <h3>
        Balloon
        <span className="balloon-scale"> a square is {plural(map.pages, 'page')}</span>
        <CopyButton name="pages of the balloon" text={`cat ${VM}/balloon_pages`} />
      </h3>
      <div className="balloon-map" style={{ height: map.height }}>
        <canvas ref={canvas} role="img" aria-label={`Map of ${plural(pages, 'page')}: ${summary}`} />
      </div>
      <ul className="balloon-legend">
        {rows.map(([kind, count, title]) => (
          <li key={kind} title={title}>
            <span className={`balloon-sample is-${kind}`} aria-hidden="true" />
            {words[kind]} <b>{bytes(count * PAGE)}</b>
          </li>
        ))}
      </ul>
    </section>
  );
}
