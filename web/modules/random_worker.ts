// Entry of the random module's worker.
import { random } from './random.ts';
import { runModule } from './worker.ts';

runModule(random);
