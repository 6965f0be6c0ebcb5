// The page's entry: mounts React. It holds no state of the machine.
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ensureIsolation } from './isolation.ts';

const root = document.getElementById('root');
if (root && (await ensureIsolation()) !== 'reloading') {
  createRoot(root).render(
    <StrictMode>
      <h1>Vitrine</h1>
    </StrictMode>,
  );
}
