// Entry of a page's worker that runs one VMM program: it is sent the program, and sends its output and its end.
import { selfPort } from './port_browser.ts';
import { runVmmProgram } from './vmm_program.ts';

/** What the worker is sent. */
export interface VmmStart {
  readonly core: WebAssembly.Module;
  readonly program: Uint8Array<ArrayBuffer>;
  readonly args: readonly string[];
}

/** What it sends: output of fd 1 or 2 as it comes, then the exit status or one sentence. */
export type VmmMessage =
  | { readonly fd: 1 | 2; readonly bytes: Uint8Array }
  | { readonly status: number }
  | { readonly error: string };

const port = selfPort();
port.listen((message) => {
  try {
    const status = runVmmProgram({
      ...(message as VmmStart),
      output: (fd, bytes) => port.post({ fd, bytes } satisfies VmmMessage),
    });
    port.post({ status } satisfies VmmMessage);
  } catch (error) {
    port.post({ error: (error as Error).message } satisfies VmmMessage);
  }
});
