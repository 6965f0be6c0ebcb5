// `vitrine vectors FILE...`: golden CPU files against the core. Counts per group, first failures, and a closing line.
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { defineCommand } from 'citty';
import { readCore } from '../core_file.ts';
import { runGolden } from './golden.ts';
import { readFrame } from './golden_case.ts';
import { Report } from './report.ts';
import { runSst286 } from './sst286.ts';

function readLines(file: string): string {
  const bytes = fs.readFileSync(file);
  return (bytes[0] === 0x1f && bytes[1] === 0x8b ? zlib.gunzipSync(bytes) : bytes).toString('utf8');
}

export const vectorsCommand = defineCommand({
  meta: {
    name: 'vectors',
    description: 'Run golden CPU files (GROUP.jsonl.gz) and compare with a real processor',
  },
  args: {
    show: { type: 'string', description: 'Failing lines to print for each file', default: '5' },
    jit: { type: 'boolean', description: 'Compile every block before it runs', default: false },
  },
  run({ args }) {
    const files = args._;
    if (files.length === 0) {
      console.error('vitrine vectors: no file was given; name one or more GROUP.jsonl.gz files.');
      process.exitCode = 2;
      return;
    }
    const core = readCore();
    let passed = 0;
    let failed = 0;
    for (const file of files) {
      const group = path.basename(file).replace(/\.jsonl(\.gz)?$/, '');
      const report = new Report(Number(args.show), (line) => console.log(line));
      const start = performance.now();
      try {
        const text = readLines(file);
        const first = JSON.parse(text.slice(0, text.indexOf('\n'))) as object;
        if ('op' in first && 'i' in first) runSst286(core, text, report);
        else runGolden(core, text, readFrame(path.dirname(file)), report, group, args.jit ? 0 : undefined);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        console.error(`vitrine vectors: ${file}: ${why}`);
        process.exitCode = 2;
        failed++;
        continue;
      }
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      const left = report.skipped ? `, ${report.skipped} that only another processor does` : '';
      const cases = report.passed + report.failed;
      const { compiled, emitted } = report;
      const tiers = args.jit ? `, ${compiled} compiled, ${emitted} of them whole` : '';
      console.log(`${group}: ${report.passed} of ${cases} pass${left}${tiers} (${seconds} s)`);
      passed += report.passed;
      failed += report.failed;
    }
    console.log(`${passed} passed, ${failed} failed`);
    if (failed > 0 && !process.exitCode) process.exitCode = 1;
  },
});
