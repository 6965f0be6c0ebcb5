// The page's entry: mounts React. It holds no state of the machine.
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <h1>Vitrine</h1>
    </StrictMode>,
  );
}
