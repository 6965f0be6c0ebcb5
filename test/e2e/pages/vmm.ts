// A page that runs one VMM program, named by its address (vmm.html?dirty), in a worker and shows what it prints.
import coreUrl from '../../../build/core.wasm?url';
import type { VmmMessage, VmmStart } from '../../../web/session/worker_vmm.ts';

const name = location.search.slice(1);
const screen = document.querySelector('pre') as HTMLPreElement;
const text = new TextDecoder();

async function bytesOf(url: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await fetch(url)).arrayBuffer());
}

const worker = new Worker(new URL('../../../web/session/worker_vmm.ts', import.meta.url), { type: 'module' });
worker.onmessage = ({ data }: MessageEvent<VmmMessage>) => {
  if ('bytes' in data) screen.textContent += text.decode(data.bytes, { stream: true });
  else document.title = 'status' in data ? `exit ${data.status}` : data.error;
};
worker.postMessage({
  core: await WebAssembly.compile(await bytesOf(coreUrl)),
  program: await bytesOf(`./${name}.wasm`),
  args: [name],
} satisfies VmmStart);
