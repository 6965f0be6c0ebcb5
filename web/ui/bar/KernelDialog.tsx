// Opens a kernel from the disk: bzImage, ELF or multiboot, with an initrd and a command line.

import { type FormEvent, type RefObject, useState } from 'react';
import { useActions } from '../context.ts';
import { DEFAULT_APPEND, kernelOptions } from '../guests.ts';

interface KernelDialogProps {
  ref: RefObject<HTMLDialogElement | null>;
}

export function KernelDialog({ ref }: KernelDialogProps) {
  const bench = useActions();
  const [problem, setProblem] = useState<string>();

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [kernel, initrd] = [form.get('kernel'), form.get('initrd')];
    if (!(kernel instanceof File) || kernel.size === 0) {
      setProblem('Choose a kernel file first.');
      return;
    }
    setProblem(undefined);
    ref.current?.close();
    const files = {
      name: kernel.name,
      kernel: await bytesOf(kernel),
      append: String(form.get('append') ?? ''),
    };
    const hasInitrd = initrd instanceof File && initrd.size > 0;
    const options = kernelOptions(bench.state.get().options, kernel.size + (hasInitrd ? initrd.size : 0));
    await bench.openKernel(hasInitrd ? { ...files, initrd: await bytesOf(initrd) } : files, options);
  };

  return (
    <dialog ref={ref} className="dialog" aria-label="Open kernel">
      <h2>Open kernel</h2>
      <form className="form" onSubmit={(event) => void submit(event)}>
        <label>
          Kernel (bzImage, ELF or multiboot)
          <input className="field" type="file" name="kernel" aria-invalid={problem !== undefined} />
        </label>
        <label>
          Initial RAM disk, if it needs one
          <input className="field" type="file" name="initrd" />
        </label>
        <label>
          Command line
          <input className="field mono" name="append" defaultValue={DEFAULT_APPEND} />
        </label>
        {problem && (
          <p className="form-error" role="alert">
            {problem}
          </p>
        )}
        <p className="form-note">
          The files stay in this browser. You can also drop a kernel anywhere on the page.
        </p>
        <div className="form-actions">
          <button type="button" className="button" onClick={() => ref.current?.close()}>
            Cancel
          </button>
          <button type="submit" className="button is-primary">
            Open
          </button>
        </div>
      </form>
    </dialog>
  );
}

async function bytesOf(file: File): Promise<Uint8Array> {
  return new Uint8Array(await file.arrayBuffer());
}
