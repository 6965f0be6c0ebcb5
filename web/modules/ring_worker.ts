// Entry of the ring module's worker.
import { ring } from './ring.ts';
import { runModule } from './worker.ts';

runModule(ring);
