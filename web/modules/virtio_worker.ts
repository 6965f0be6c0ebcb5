// Entry of the worker that serves a virtio device.
import { virtio } from './virtio.ts';
import { runModule } from './worker.ts';

runModule(virtio);
