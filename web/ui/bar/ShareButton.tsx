// Share: puts source, options and layout into the link's fragment and copies the link.

import { Check, Link } from 'lucide-react';
import { useEffect, useId, useRef, useState } from 'react';
import { encodeLink } from '../../session/share.ts';
import { useActions, useWorkbench } from '../context.ts';
import { layout } from '../state/layout.ts';
import { shown } from '../state/shown.ts';

/** How long the button says that the link was copied, in ms. */
const CONFIRMED_MS = 2500;

export function ShareButton() {
  const bench = useActions();
  const isKernel = useWorkbench((state) => state.kernel !== undefined);
  const [isCopied, setCopied] = useState(false);
  const [link, setLink] = useState('');
  const fallback = useRef<HTMLDivElement>(null);
  const id = useId();

  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), CONFIRMED_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);

  const share = async () => {
    const { guest, source, options } = bench.state.get();
    const view = { layout: layout.get(), shown: shown.get() };
    const fragment = await encodeLink({ ...(guest ? { guest } : {}), source, options, ...view });
    const address = new URL(location.href);
    address.hash = fragment;
    history.replaceState(null, '', fragment);
    setLink(address.href);
    try {
      await navigator.clipboard.writeText(address.href);
      setCopied(true);
    } catch {
      // Without leave to write the clipboard the link is shown, to be copied by hand.
      fallback.current?.showPopover();
    }
  };

  const why = isKernel
    ? 'A kernel file cannot travel in a link'
    : 'Copy a link to this guest, its options and this layout';
  return (
    <>
      <button
        type="button"
        className={isCopied ? 'button is-copied' : 'button'}
        disabled={isKernel}
        title={why}
        aria-label={isCopied ? 'Link copied' : 'Share'}
        onClick={() => void share()}
      >
        {isCopied ? <Check size={14} aria-hidden="true" /> : <Link size={14} aria-hidden="true" />}
        <span className="button-text">{isCopied ? 'Link copied' : 'Share'}</span>
      </button>
      <span className="visually-hidden" role="status">
        {isCopied ? 'Link copied to the clipboard' : ''}
      </span>
      <div id={id} ref={fallback} popover="auto" className="popover" role="dialog" aria-label="Share link">
        <h2>Share</h2>
        <div className="form">
          <label>
            Copy this link
            <input className="field mono" readOnly value={link} onFocus={(event) => event.target.select()} />
          </label>
        </div>
      </div>
    </>
  );
}
