// The page of the bench that runs a guest in Vitrine.
import { startSession } from '../../../web/session/index.ts';
import { load, readRequest, sayLines } from './guest.ts';

const { kernel, initrd, append, multiboot, memory, cpus, jit } = readRequest();
const session = await startSession({
  memory,
  cpus,
  engine: 'parallel',
  jit,
  program: {
    kind: 'kernel',
    kernel: await load(multiboot ?? kernel ?? ''),
    ...(initrd === undefined ? {} : { initrd: await load(initrd) }),
    ...(append === undefined ? {} : { append }),
  },
});
session.onConsole(sayLines());
session.onStatus(({ error }) => {
  if (error !== undefined) console.error(error);
});
await session.run();
