// Says how a real guest comes that is not beside the page: one command, to be copied. It fetches nothing.

import { useEffect, useRef } from 'react';
import type { RealGuest } from '../../lab/index.ts';
import { CommandLine } from '../parts/CommandLine.tsx';

interface AbsentDialogProps {
  guest: RealGuest;
  onClose: () => void;
}

export function AbsentDialog({ guest, onClose }: AbsentDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} className="dialog" aria-label={guest.title} onClose={onClose}>
      <h2>{guest.title}</h2>
      <div className="form">
        <p>{guest.sentence}</p>
        <p>It is not beside this page yet. In a checkout of Vitrine, this command brings it from Debian:</p>
        <CommandLine name={`fetch ${guest.title}`} text={guest.command} />
        <p className="form-note">Then reload the page. A kernel of your own can be dropped anywhere on it.</p>
        <div className="form-actions">
          <button type="button" className="button is-primary" onClick={() => dialog.current?.close()}>
            Close
          </button>
        </div>
      </div>
    </dialog>
  );
}
