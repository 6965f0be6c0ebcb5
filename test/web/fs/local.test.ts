// The behaviour of a file tree in this thread.
import { LocalFs } from '../../../web/fs/index.ts';
import { describeFs } from './behaviour.ts';
import { describeFlow } from './behaviour_flow.ts';
import { describeMemory } from './behaviour_memory.ts';

for (const describeAll of [describeFs, describeFlow, describeMemory]) {
  describeAll('LocalFs', async (root) => ({ fs: new LocalFs(root), close: () => {} }));
}
