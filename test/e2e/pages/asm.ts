// The page of the assembler test: shows in its body what its worker made of the lab's guests.
const worker = new Worker(new URL('./asm_worker.ts', import.meta.url), { type: 'module' });
worker.onmessage = (event: MessageEvent<string>) => {
  document.body.textContent = event.data;
  document.title = 'done';
};
