// What this browser keeps: disks and files of the shared folder, to be brought out or deleted, and whether the browser has
// promised to keep them.

import { Download, Trash2 } from 'lucide-react';
import { type RefObject, useId, useRef, useState } from 'react';
import { useActions, useWorkbench } from '../context.ts';
import { CommandButton } from '../parts/CommandButton.tsx';
import { FileInput } from '../parts/FileInput.tsx';
import { bytes } from '../parts/numbers.ts';
import { PLACES, type Stored, type StoredKind, UNPROMISED } from '../state/storage.ts';
import { useStore } from '../state/store.ts';
import { download, remove, takeFiles } from '../state/take.ts';
import './storage_dialog.css';

interface StorageDialogProps {
  ref: RefObject<HTMLDialogElement | null>;
}

export function StorageDialog({ ref }: StorageDialogProps) {
  const bench = useActions();
  const { disks, files, room, isPromised } = useStore(bench.storage.state);
  const input = useRef<HTMLInputElement>(null);
  return (
    <dialog ref={ref} className="dialog storage" aria-label="Disks and files">
      <h2>Disks and files</h2>
      <div className="form">
        <Rows
          kind="disk"
          title="Disks"
          rows={disks}
          empty="No disk is kept here: Machine options makes one, or drop an image on the page."
        />
        <Rows
          kind="file"
          title={`Shared folder, ${PLACES.file}`}
          rows={files}
          empty="The folder is empty: drop files on the page, or let a guest write some."
        />
        <Said />
        <p className="form-note">
          {room && `${bytes(room.used)} of ${bytes(room.total)} that the browser gives this page are used. `}
          {isPromised === true && 'The browser has promised to keep disks and files until you delete them.'}
          {isPromised === false && UNPROMISED}
        </p>
        <div className="form-actions">
          <FileInput
            ref={input}
            label="Files to add"
            multiple
            onFiles={(given) => void takeFiles(bench, given)}
          />
          <button type="button" className="button" onClick={() => input.current?.click()}>
            Add files…
          </button>
          <button type="button" className="button is-primary" onClick={() => ref.current?.close()}>
            Close
          </button>
        </div>
      </div>
    </dialog>
  );
}

/** The strip's sentence about files, which a dialog hides. */
function Said() {
  const failure = useWorkbench((state) => state.failure);
  const notice = useWorkbench((state) => state.notice);
  return (
    <p role="status" aria-label="What was done" className={failure ? 'form-error' : 'storage-said'}>
      {failure ?? notice}
    </p>
  );
}

interface RowsProps {
  kind: StoredKind;
  title: string;
  rows: readonly Stored[];
  /** What is said when there is none. */
  empty: string;
}

function Rows({ kind, title, rows, empty }: RowsProps) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <h3 id={id} className="storage-title">
        {title}
      </h3>
      {rows.length === 0 && <p className="form-note">{empty}</p>}
      <ul className="storage-rows">
        {rows.map((row) => (
          <Row key={row.name} kind={kind} row={row} />
        ))}
      </ul>
    </section>
  );
}

function Row({ kind, row: { name, bytes: size } }: { kind: StoredKind; row: Stored }) {
  const bench = useActions();
  const [isAsking, setAsking] = useState(false);
  const path = `${PLACES[kind]}/${name}`;
  const onDelete = () => {
    if (isAsking) void remove(bench, kind, name);
    setAsking(!isAsking);
  };
  return (
    <li className="storage-row">
      <span className="storage-name mono" title={path}>
        {name}
      </span>
      <span className="storage-size">{bytes(size)}</span>
      <button
        type="button"
        className="button is-small"
        aria-label={`Download ${name}`}
        title={kind === 'disk' ? 'As a raw image, while its machine stands' : undefined}
        onClick={() => void download(bench, kind, name)}
      >
        <Download size={13} aria-hidden="true" /> Download
      </button>
      <CommandButton
        className={isAsking ? 'button is-small is-danger' : 'button is-small'}
        name={`delete ${name}`}
        command={`rm ${path}`}
        aria-label={isAsking ? `Delete ${name} for good` : `Delete ${name}`}
        onClick={onDelete}
        onBlur={() => setAsking(false)}
      >
        <Trash2 size={13} aria-hidden="true" /> {isAsking ? 'For good?' : 'Delete'}
      </CommandButton>
    </li>
  );
}
