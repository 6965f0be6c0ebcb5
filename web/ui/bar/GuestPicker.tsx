// Chooses what runs: a guest of the lab, a real one beside the page, or a kernel from the disk. A real guest that is not
// here stands in the list too, and says how it comes.

import { useEffect, useRef, useState } from 'react';
import { absentGuests, type PresentGuest, type RealGuest } from '../../lab/index.ts';
import { useActions, useWorkbench } from '../context.ts';
import { fetchedGuests, labGuests, loadFetched } from '../guests.ts';
import { FileInput } from '../parts/FileInput.tsx';
import { takeFiles } from '../state/take.ts';
import { AbsentDialog } from './AbsentDialog.tsx';
import { KernelDialog } from './KernelDialog.tsx';

const OPEN = 'open-kernel';
const FILES = 'open-files';

export function GuestPicker() {
  const bench = useActions();
  const guest = useWorkbench((state) => state.guest);
  const kernel = useWorkbench((state) => state.kernel);
  const isEdited = useWorkbench(
    (state) => state.source !== labGuests.find(({ id }) => id === state.guest)?.source,
  );
  const [fetched, setFetched] = useState<readonly PresentGuest[]>([]);
  const [absent, setAbsent] = useState<RealGuest>();
  const dialog = useRef<HTMLDialogElement>(null);
  const files = useRef<HTMLInputElement>(null);
  const missing = absentGuests(fetched);

  useEffect(() => {
    let isHere = true;
    void fetchedGuests().then((found) => isHere && setFetched(found));
    return () => {
      isHere = false;
    };
  }, []);

  const choose = async (value: string) => {
    if (value === OPEN) return dialog.current?.showModal();
    if (value === FILES) return files.current?.click();
    const lab = labGuests.find(({ id }) => id === value);
    if (lab) return bench.open({ guest: lab.id, source: lab.source, options: lab.options });
    const row = fetched.find(({ name }) => name === value);
    if (!row) return setAbsent(missing.find(({ name }) => name === value));
    return bench.openFetched(row.title, () => loadFetched(row, bench.state.get().options));
  };

  const lab = labGuests.find(({ id }) => id === guest);
  const coming = useWorkbench((state) => state.fetching);
  const own = kernel?.name ?? 'Your own source';
  const real = coming ?? kernel?.name;
  const value = real ? (fetched.find(({ title }) => title === real)?.name ?? 'own') : (guest ?? 'own');
  return (
    <>
      <select
        className="field guest-field"
        aria-label="Guest"
        title={isEdited && guest ? 'Changed from the guest of this name' : lab?.sentence}
        value={value}
        onChange={(event) => void choose(event.target.value)}
      >
        {value === 'own' && <option value="own">{own}</option>}
        <optgroup label="Guests to read and change">
          {labGuests.map(({ id, title, sentence }) => (
            <option key={id} value={id} title={sentence}>
              {title}
            </option>
          ))}
        </optgroup>
        {fetched.length > 0 && (
          <optgroup label="Real programs">
            {fetched.map(({ name, title, sentence, version }) => (
              <option key={name} value={name} title={`${sentence} Version ${version}.`}>
                {title}
              </option>
            ))}
          </optgroup>
        )}
        {missing.length > 0 && (
          <optgroup label="Real programs to fetch">
            {missing.map(({ name, title, sentence }) => (
              <option key={name} value={name} title={sentence}>
                {title}…
              </option>
            ))}
          </optgroup>
        )}
        <optgroup label="From your disk">
          <option value={OPEN}>Open kernel…</option>
          <option value={FILES}>Open files…</option>
        </optgroup>
      </select>
      <FileInput ref={files} label="Files" multiple onFiles={(given) => void takeFiles(bench, given)} />
      <KernelDialog ref={dialog} />
      {absent && <AbsentDialog guest={absent} onClose={() => setAbsent(undefined)} />}
    </>
  );
}
