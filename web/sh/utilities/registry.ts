// All utilities by name, in alphabetical order. What is here can be called; what a utility does stands in its own file.

import type { Utility } from './call.ts';
import { COLUMNS } from './columns.ts';
import { COMMANDS } from './commands.ts';
import { COMPARE } from './compare.ts';
import { TIME } from './date.ts';
import { DD } from './dd.ts';
import { DUMP } from './dump.ts';
import { ECHO } from './echo.ts';
import { FILES } from './files.ts';
import { GREP } from './grep.ts';
import { LISTING } from './listing.ts';
import { OD } from './od.ts';
import { PRINTF } from './printf.ts';
import { SED } from './sed.ts';
import { TEST } from './test.ts';
import { TEXT } from './text.ts';

const ALL: Utility[] = [
  ...COLUMNS,
  ...COMMANDS,
  ...COMPARE,
  DD,
  ...DUMP,
  ...ECHO,
  ...FILES,
  GREP,
  ...LISTING,
  OD,
  PRINTF,
  SED,
  ...TEST,
  ...TEXT,
  ...TIME,
];

export const UTILITIES: ReadonlyMap<string, Utility> = new Map(
  ALL.sort((left, right) => (left.name < right.name ? -1 : 1)).map((utility) => [utility.name, utility]),
);
