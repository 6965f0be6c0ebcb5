// Chooses what runs: a guest of the lab, a guest fetched beside the page, or a kernel from the disk.

import { useEffect, useRef, useState } from 'react';
import { useActions, useWorkbench } from '../context.ts';
import { type FetchedGuest, fetchedGuests, labGuests, loadFetched, titleOf } from '../guests.ts';
import { KernelDialog } from './KernelDialog.tsx';

const OPEN = 'open-kernel';

export function GuestPicker() {
  const bench = useActions();
  const guest = useWorkbench((state) => state.guest);
  const kernel = useWorkbench((state) => state.kernel);
  const isEdited = useWorkbench(
    (state) => state.source !== labGuests.find(({ id }) => id === state.guest)?.source,
  );
  const [fetched, setFetched] = useState<readonly FetchedGuest[]>([]);
  const dialog = useRef<HTMLDialogElement>(null);

  useEffect(() => {
    let isHere = true;
    void fetchedGuests().then((found) => isHere && setFetched(found));
    return () => {
      isHere = false;
    };
  }, []);

  const choose = async (value: string) => {
    if (value === OPEN) return dialog.current?.showModal();
    const lab = labGuests.find(({ id }) => id === value);
    if (lab) return bench.open({ guest: lab.id, source: lab.source, options: lab.options });
    const row = fetched.find(({ file }) => file === value);
    if (!row) return;
    try {
      const { files, options } = await loadFetched(row);
      await bench.openKernel(files, options);
    } catch (error) {
      bench.fail(error instanceof Error ? error.message : String(error));
    }
  };

  const lab = labGuests.find(({ id }) => id === guest);
  const own = kernel?.name ?? 'Your own source';
  const value = kernel
    ? (fetched.find((row) => titleOf(row) === kernel.name)?.file ?? 'own')
    : (guest ?? 'own');
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
            {fetched.map((row) => (
              <option key={row.file} value={row.file}>
                {titleOf(row)}
              </option>
            ))}
          </optgroup>
        )}
        <optgroup label="From your disk">
          <option value={OPEN}>Open kernel…</option>
        </optgroup>
      </select>
      <KernelDialog ref={dialog} />
    </>
  );
}
