// The command line's entry. It only names the commands; each lives in its own file.
import { defineCommand, runMain } from 'citty';
import './branch_hints.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { asmCommand } from './asm.ts';
import { imageCommand } from './image.ts';
import { runCommand } from './run.ts';
import { shCommand } from './sh.ts';
import { vectorsCommand } from './vectors/command.ts';
import { vmmCommand } from './vmm.ts';

void runMain(
  defineCommand({
    meta: { name: 'vitrine', version: packageJson.version, description: packageJson.description },
    subCommands: {
      asm: asmCommand,
      image: imageCommand,
      run: runCommand,
      sh: shCommand,
      vectors: vectorsCommand,
      vmm: vmmCommand,
    },
  }),
);
