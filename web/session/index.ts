// The door of web/session for a page: starts a machine in the best tier that the page allows.
import coreUrl from '../../build/core.wasm?url';
import { SessionClient } from './client.ts';
import { workerPort } from './port_browser.ts';
import type { Command, GivenOptions, MachineOptions, Session, Tier } from './types.ts';

export * from './types.ts';

/** A folder that stays in the browser: /share/files, for the shell and for guests by 9p. */
const FOLDERS = [{ name: 'files', folder: 'files' }];

let compiled: Promise<WebAssembly.Module> | undefined;

/** The core, compiled once for the page. */
function core(): Promise<WebAssembly.Module> {
  compiled ??= (async () => {
    const response = await fetch(coreUrl);
    if (!response.ok)
      throw new Error(`The core could not be loaded (HTTP ${response.status}); reload the page.`);
    return WebAssembly.compile(await response.arrayBuffer());
  })();
  compiled.catch(() => {
    compiled = undefined;
  });
  return compiled;
}

/**
 * Makes a machine; it stands until `run`. `onCommand` hears of every action, the making too; `given` is what its options may
 * name. Rejects with one sentence
 * when it cannot be made.
 */
export async function startSession(
  options: MachineOptions,
  onCommand?: (command: Command) => void,
  given: GivenOptions = {},
): Promise<Session> {
  const tier: Tier = globalThis.crossOriginIsolated ? options.engine : 'messages';
  const module = await core();
  const worker = new Worker(new URL('./worker_machine.ts', import.meta.url), {
    type: 'module',
    name: 'machine',
  });
  return SessionClient.start(workerPort(worker), tier, module, options, onCommand, {
    ...given,
    folders: FOLDERS,
  });
}
