// The page of opfs_worker.ts: shows what it found.
const worker = new Worker(new URL('./opfs_worker.ts', import.meta.url), { type: 'module' });
worker.onmessage = ({ data }) => {
  document.body.textContent = JSON.stringify(data);
  document.title = 'done';
};
