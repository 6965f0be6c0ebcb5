// Entry of the framebuffer module's worker.
import { framebuffer } from './framebuffer.ts';
import { runModule } from './worker.ts';

runModule(framebuffer);
