// Fills cases that have no `=` line with what the core does now. The eye and the manual judge; see README.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { parseFile } from './case.ts';
import { describe } from './compare.ts';
import type { CpuMachine } from './machine.ts';
import { tiers } from './tiers.ts';

/** Rewrites a file of cases: blocks with `=` lines stay as they are. */
export function recordFile(file: URL, machine: CpuMachine): void {
  const [tier] = tiers;
  if (!tier) return;
  const blocks = parseFile(readFileSync(file, 'utf8')).map(({ lines, item }) => {
    if (!item || item.expected.length > 0 || lines.some((line) => line.startsWith('='))) return lines;
    try {
      return [...lines, ...describe(item, machine.run(item, tier))];
    } catch (error) {
      console.error(`${item.name}: ${error instanceof Error ? error.message : error}`);
      return lines;
    }
  });
  writeFileSync(file, `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`);
}
