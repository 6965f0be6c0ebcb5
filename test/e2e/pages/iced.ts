// The page of the iced test: shows in its title what it and its worker make of one instruction each.
import { disassemble } from './disassemble.ts';

const worker = new Worker(new URL('./iced_worker.ts', import.meta.url), { type: 'module' });
worker.postMessage([0xf4]);
worker.onmessage = (event: MessageEvent<string>) => {
  document.title = `page: ${disassemble([0xe6, 0xe9])}; worker: ${event.data}`;
};
