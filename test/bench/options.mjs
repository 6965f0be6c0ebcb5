// The bench's options: what they are, what they must be. A wrong one ends the program with a sentence and status 2.
import { parseArgs } from 'node:util';
import { NAMES, SUITES } from './suites.mjs';

export const USAGE = `npm run bench -- [OPTIONS]
  --suite NAME,...      bare, linux32, linux64; all when left out
  --only NAME,...       these workloads
  --machines NAME,...   of vitrine, interpreter, v86, v86-interpreter, qemu; all but v86-interpreter when left out;
                        vitrine-N is Vitrine that compiles after N entries, beside the one of --jit
  --rounds N            times that everything is measured, 3 when left out; medians count
  --scale X             of the turns of each workload, 1 when left out
  --slow X              of the turns that interpreters get, 0.25 when left out; seconds are given for all turns
  --kernel NAME,...     the fetched guests that the Linux suites boot: 686 or small32, cloud or small
  --cpus N,...          vCPUs of linux64: 1,2 when left out
  --jit N               after how many entries Vitrine compiles, as vitrine run --jit
  --browser             in Chromium instead of Node: Vitrine and v86
  --by user|wall        what counts: user CPU seconds (when left out) or wall seconds
  --json FILE, --markdown FILE, --picture FILE.svg
`;

export const MACHINES = ['vitrine', 'interpreter', 'v86', 'v86-interpreter', 'qemu'];

/** Vitrine with another threshold than that of --jit. */
export const OTHER_JIT = /^vitrine-(\d+)$/;

function refuse(sentence) {
  process.stderr.write(`vitrine: ${sentence}\n`);
  process.exit(2);
}

/** The names in `text`, all of which `known` or `pattern` must have. */
function names(text, known, what, pattern = /^$/) {
  const list = text.split(',');
  const unknown = list.find((name) => !known.includes(name) && !pattern.test(name));
  if (unknown !== undefined) refuse(`there is no ${what} "${unknown}"; there are ${known.join(', ')}.`);
  return list;
}

const isCount = (number) => Number.isInteger(number) && number >= 1;

/** The options of the command line, ready for use. */
export function readOptions(args) {
  const kernels = Object.values(SUITES).flatMap((suite) => suite.kernels);
  let given;
  try {
    given = parseArgs({
      args,
      options: {
        suite: { type: 'string', default: Object.keys(SUITES).join() },
        only: { type: 'string', default: NAMES.join() },
        machines: { type: 'string', default: MACHINES.filter((name) => name !== 'v86-interpreter').join() },
        rounds: { type: 'string', default: '3' },
        scale: { type: 'string', default: '1' },
        slow: { type: 'string', default: '0.25' },
        kernel: { type: 'string' },
        cpus: { type: 'string', default: '1,2' },
        jit: { type: 'string', default: '2000' },
        browser: { type: 'boolean', default: false },
        by: { type: 'string', default: 'user' },
        json: { type: 'string' },
        markdown: { type: 'string' },
        picture: { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    return refuse(`${error.message}\n${USAGE}`);
  }
  if (given.help) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  const options = {
    ...given,
    suites: names(given.suite, Object.keys(SUITES), 'suite'),
    only: names(given.only, NAMES, 'workload'),
    machines: names(given.machines, MACHINES, 'machine', OTHER_JIT),
    kernels: given.kernel === undefined ? [] : names(given.kernel, kernels, 'kernel for the bench'),
    rounds: Number(given.rounds),
    scale: Number(given.scale),
    slow: Number(given.slow),
    cpus: given.cpus.split(',').map(Number),
  };
  if (!isCount(options.rounds)) refuse('--rounds takes a whole number from 1.');
  if (!(options.scale > 0 && options.slow > 0)) refuse('--scale and --slow take numbers above 0.');
  if (!['user', 'wall'].includes(options.by)) refuse('--by takes user or wall.');
  if (!options.cpus.every(isCount)) refuse('--cpus takes whole numbers from 1.');
  return options;
}
