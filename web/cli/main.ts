// The command line's entry. It only names the commands; each lives in its own file.
import { defineCommand, runMain } from 'citty';
import packageJson from '../../package.json' with { type: 'json' };
import { asmCommand } from './asm.ts';
import { runCommand } from './run.ts';
import { shCommand } from './sh.ts';
import { vectorsCommand } from './vectors/command.ts';
import { vmmCommand } from './vmm.ts';

void runMain(
  defineCommand({
    meta: { name: 'vitrine', version: packageJson.version, description: packageJson.description },
    subCommands: {
      asm: asmCommand,
      run: runCommand,
      sh: shCommand,
      vectors: vectorsCommand,
      vmm: vmmCommand,
    },
  }),
);
