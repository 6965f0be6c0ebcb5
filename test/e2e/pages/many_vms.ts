// The page of the test of many VMs: makes and ends them in the tree of a machine worker, and counts.
import coreUrl from '../../../build/core.wasm?url';
import { FsClient } from '../../../web/fs/index.ts';
import { splitPort } from '../../../web/session/port.ts';
import { workerPort } from '../../../web/session/port_browser.ts';
import { liveOnce, RUNNERS } from '../../web/kvmfs/vm_life.ts';
import { collect } from './collect.ts';

const worker = new Worker(new URL('./many_vms_worker.ts', import.meta.url), { type: 'module' });
const { calls, files } = splitPort(workerPort(worker));
const core = await WebAssembly.compile(await (await fetch(coreUrl)).arrayBuffer());
calls.post(core);
const fs = new FsClient(files);
let made = 0;

/** `count` VMs, one after the other; gives what was not as it should be. */
async function live(count: number): Promise<string[]> {
  const wrong: string[] = [];
  for (let n = 0; n < count; n++) {
    const life = await liveOnce(fs, `vm${made++}`);
    if (life.count !== RUNNERS || life.events.some((event) => event !== 'hlt\n'))
      wrong.push(JSON.stringify(life));
  }
  return wrong;
}

/** Collects garbage in every thread. */
function collectAll(): Promise<void> {
  collect();
  return new Promise((resolve) => {
    calls.listen(() => resolve());
    calls.post('collect');
  });
}

Object.assign(globalThis, { live, collect: collectAll });
document.title = 'ready';
