// The behaviour of a file tree in this thread.
import { LocalFs } from '../../../web/fs/index.ts';
import { describeFs } from './behaviour.ts';

describeFs('LocalFs', async (root) => ({ fs: new LocalFs(root), close: () => {} }));
