// A file dialog that a button or a menu opens: the browser's own, without a field in sight.

import type { ChangeEvent, RefObject } from 'react';

interface FileInputProps {
  /** `click()` opens the dialog. */
  ref: RefObject<HTMLInputElement | null>;
  /** Its accessible name. */
  label: string;
  multiple?: boolean;
  onFiles: (files: readonly File[]) => void;
}

export function FileInput({ ref, label, multiple = false, onFiles }: FileInputProps) {
  const onChange = (event: ChangeEvent<HTMLInputElement>) => {
    const files = [...(event.target.files ?? [])];
    // The same file may be chosen again.
    event.target.value = '';
    if (files.length > 0) onFiles(files);
  };
  return <input ref={ref} type="file" hidden aria-label={label} multiple={multiple} onChange={onChange} />;
}
