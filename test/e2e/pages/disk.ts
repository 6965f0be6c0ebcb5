// Starts the worker that has the disk; what it says becomes the page's text. `?image=URL`. The worker is never told to end.
const worker = new Worker(new URL('./disk_worker.ts', import.meta.url), { type: 'module' });
worker.onmessage = ({ data }) => {
  document.body.textContent = JSON.stringify(data);
  document.title = 'done';
};
worker.postMessage(new URL(location.href).searchParams.get('image'));
