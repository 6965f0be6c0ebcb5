// Preloaded into each measured process: writes the CPU time of all its threads to VITRINE_USAGE when it exits.
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

if (isMainThread && process.env.VITRINE_USAGE) {
  process.on('exit', () => writeFileSync(process.env.VITRINE_USAGE, JSON.stringify(process.cpuUsage())));
}
