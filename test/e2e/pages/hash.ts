// The page of the hash test: runs a guest of the lab in the deterministic engine and shows the SHA-256 of its memory.
import { startSession } from '../../../web/session/index.ts';
import { hashedMachine } from './hashed_machine.ts';

const session = await startSession(hashedMachine);
session.onStatus(async ({ state }) => {
  if (state !== 'ended' || document.title === 'done') return;
  document.title = 'done';
  document.body.textContent = `${session.tier} ${await session.hash()}`;
});
await session.run();
