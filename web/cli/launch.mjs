// The launcher behind every npm script: installs what is missing, builds what is stale, then runs the command.
// Plain Node without dependencies, because a bare checkout has none. It knows no machine and no page.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serve } from './serve.mjs';

/** The checkout's root folder. */
const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Where "npm run guests" puts what it fetches. */
const GUESTS = join(ROOT, '.guests');

/** Ends the launcher with one sentence on stderr. */
function fail(sentence, status = 1) {
  process.stderr.write(`vitrine: ${sentence}\n`);
  process.exit(status);
}

/** Messages go to stderr: stdout belongs to the program that is started. */
function say(text) {
  process.stderr.write(`${text}\n`);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const fits = major > 20 || (major === 20 && minor >= 19);
  if (!fits)
    fail(`Node 20.19 or newer is needed, this is ${process.versions.node}: install it from nodejs.org.`);
}

/** Runs a program in the checkout with its stdout sent to our stderr; gives its exit status. */
function runQuietly(program, args) {
  const done = spawnSync(program, args, {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  return done.status ?? 1;
}

/** True when every package of the lock stands in node_modules in its locked version. */
function isInstalled() {
  const record = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const have = JSON.parse(readFileSync(record, 'utf8')).packages;
  const want = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(want).every(
    ([path, entry]) => path === '' || entry.optional || have[path]?.version === entry.version,
  );
}

function install() {
  if (isInstalled()) return;
  // A linked node_modules belongs to another checkout, and npm ci would empty it.
  if (lstatSync(join(ROOT, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink()) {
    say('node_modules is a link and lacks packages of package-lock.json: install them where it points.');
    return;
  }
  say('Installing the packages of package-lock.json ...');
  if (runQuietly('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']) !== 0) {
    fail(
      'npm ci failed (its message is above): check the network or the npm registry setting, then try again.',
    );
  }
}

/** The files below `path` (a file or a folder), in a fixed order. */
function listFiles(path) {
  const full = join(ROOT, path);
  if (!existsSync(full)) return [];
  if (statSync(full).isFile()) return [full];
  return readdirSync(full, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** One hash over the contents and names of all inputs. */
function hashOf(inputs) {
  const hash = createHash('sha256');
  for (const input of inputs) {
    for (const file of listFiles(input))
      hash.update(relative(ROOT, file)).update('\0').update(readFileSync(file));
  }
  return hash.digest('hex');
}

const node = (script, ...args) => [
  process.execPath,
  [join(ROOT, 'node_modules', ...script.split('/')), ...args],
];

/**
 * What is built, in order. `inputs` are hashed; when the hash and the output stand, the step is skipped.
 * VITRINE_CORE=dev builds the core at -O1 with a source map, which is quick.
 */
const coreTarget = process.env.VITRINE_CORE === 'dev' ? 'dev' : 'release';
const CORE = {
  name: 'core',
  output: 'build/core.wasm',
  inputs: ['assembly', 'asconfig.json', 'package-lock.json'],
  variant: coreTarget,
  command: () => node('assemblyscript/bin/asc.js', '--target', coreTarget),
};
const PAGE = {
  name: 'page',
  output: 'dist/index.html',
  inputs: [
    'index.html',
    'web',
    'public',
    'assembly/abi',
    'vite.config.ts',
    'package-lock.json',
    'build/core.wasm',
  ],
  command: () => node('vite/bin/vite.js', 'build', '--logLevel', 'warn'),
};
const CLI = {
  name: 'cli',
  output: 'build/cli/main.js',
  inputs: ['web', 'assembly/abi', 'vite.node.config.ts', 'package-lock.json'],
  command: () => node('vite/bin/vite.js', 'build', '--config', 'vite.node.config.ts', '--logLevel', 'warn'),
};

/** Brings the given steps up to date; true when every one of them stands. */
function build(steps) {
  for (const step of steps) {
    const stamp = join(ROOT, 'build', `.${step.name}.stamp`);
    const hash = `${hashOf(step.inputs)} ${step.variant ?? ''}`;
    const fresh =
      existsSync(join(ROOT, step.output)) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
    if (fresh) continue;
    mkdirSync(join(ROOT, 'build'), { recursive: true });
    say(`Building the ${step.name} ...`);
    const [program, args] = step.command();
    if (runQuietly(program, args) !== 0) return false;
    writeFileSync(stamp, hash);
  }
  return true;
}

function buildOrFail(steps) {
  if (!build(steps)) fail('the build failed (its message is above): mend the file it names and try again.');
}

/** Becomes the given program: its stdio is ours, its status is ours, signals reach it. */
function become(program, args, env = {}) {
  const child = spawn(program, args, {
    cwd: process.cwd(),
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // A terminal's Ctrl-C reaches the child by itself; a second one would look like impatience.
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => fail(`cannot start ${program}: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)));
}

/** `--name value` and `--flag` of the launcher's own commands; anything else ends it with a sentence. */
function readOptions(args, known) {
  const options = {};
  for (let at = 0; at < args.length; at += 1) {
    const [name, inline] = (args[at] ?? '').replace(/^--/, '').split('=');
    if (!(name in known)) {
      const names = Object.keys(known).map((each) => `--${each}`);
      fail(`unknown option ${args[at]}: this command takes ${names.join(', ')}.`, 2);
    }
    options[name] = known[name] ? (inline ?? args[++at]) : true;
  }
  return options;
}

const STEPS = [CORE, PAGE, CLI];

/** Programs that tests use, as Debian packages: the places where each may stand already, and what is skipped without it. */
const NEEDED = [
  {
    packages: ['chromium'],
    places: [
      process.env.CHROME_PATH ?? '',
      '/usr/bin/chromium',
      '/usr/bin/chromium-browser',
      '/usr/bin/google-chrome',
    ],
    sentence: 'the browser tests are skipped: install the package "chromium" or set CHROME_PATH.',
  },
  ...[
    [['gcc', 'libc6-dev', 'linux-libc-dev'], '/usr/bin/gcc'],
    [['linux-libc-dev', 'libc6-dev'], '/usr/include/linux/kvm.h'],
    [['clang-14'], '/usr/bin/clang-14'],
    [['lld-14'], '/usr/bin/wasm-ld-14'],
    [['wasi-libc'], '/usr/lib/wasm32-wasi/libc.a'],
    [
      ['libclang-rt-14-dev-wasm32'],
      '/usr/lib/llvm-14/lib/clang/14.0.6/lib/wasi/libclang_rt.builtins-wasm32.a',
    ],
  ].map(([packages, place]) => ({
    packages,
    places: [place],
    sentence: `tests of VMMs in C are skipped: install ${packages.map((name) => `"${name}"`).join(', ')}.`,
  })),
];

/** What the tests need beside npm's packages: Debian's where we may install them, else sentences that say so. */
function providePrograms() {
  const missing = () => NEEDED.filter(({ places }) => !places.some((path) => existsSync(path)));
  const packages = [...new Set(missing().flatMap((each) => each.packages))];
  if (packages.length === 0) return;
  const isRoot = process.getuid?.() === 0;
  if (isRoot && existsSync('/usr/bin/apt-get')) {
    say(`Installing the Debian packages ${packages.join(', ')} ...`);
    const quiet = (...args) => runQuietly('apt-get', ['-qq', '-o=Dpkg::Use-Pty=0', ...args]);
    process.env.DEBIAN_FRONTEND = 'noninteractive';
    // One by one: a package that another release lacks shall not keep the others away.
    if (quiet('update') === 0) {
      for (const name of packages) quiet('install', '-y', '--no-install-recommends', name);
    }
  }
  for (const { sentence } of missing()) say(`${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}`);
}

/** The Linux that one test boots: 30 MB from Debian's archive, a quarter of a minute, no rights of root. */
function provideGuests() {
  const manifest = join(GUESTS, 'manifest.json');
  if (existsSync(manifest) && readFileSync(manifest, 'utf8').includes('"cloud"')) return;
  if (existsSync('/usr/bin/apt-get')) {
    say('Fetching a Linux guest from Debian ...');
    if (runQuietly(process.execPath, [join(ROOT, 'web', 'cli', 'guests.mjs'), 'cloud', 'memtest']) === 0)
      return;
  }
  say('Tests that boot Linux are skipped: run "npm run guests" on Debian first.');
}

/** Sums up vitest's report; a file that could not be loaded counts as one failure. */
function countTests(reportFile) {
  if (!existsSync(reportFile)) return undefined;
  const report = JSON.parse(readFileSync(reportFile, 'utf8'));
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((one) => one.status === 'failed'),
  ).length;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function test(args) {
  providePrograms();
  provideGuests();
  buildOrFail(STEPS);
  const report = join(ROOT, 'build', 'tests.json');
  rmSync(report, { force: true });
  const [program, vitest] = node('vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json');
  const run = spawn(program, [...vitest, `--outputFile.json=${report}`, ...args], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => run.kill(signal));
  run.on('exit', (code) => {
    const sum = countTests(report);
    if (!sum) fail('the tests did not run to their end (the message is above).');
    const skipped = sum.skipped > 0 ? `, ${sum.skipped} skipped` : '';
    process.stdout.write(`${sum.passed} passed, ${sum.failed} failed${skipped}\n`);
    process.exit(sum.failed > 0 ? 1 : (code ?? 1));
  });
}

/** Runs every kind of check even when one fails, so that one run tells everything. */
function check() {
  const groups = [
    '.',
    'assembly/abi',
    'test',
    ...readdirSync(join(ROOT, 'web')).map((name) => `web/${name}`),
  ];
  const typed = groups.filter((group) => existsSync(join(ROOT, group, 'tsconfig.json')));
  const checks = [
    ...typed.map((group) => [`types of ${group}`, node('typescript/bin/tsc', '-p', group)]),
    ['lint and format', node('@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.')],
    ['floors', node('vitest/vitest.mjs', 'run', 'test/floors.test.ts', '--reporter=dot')],
    ['unused code', node('knip/bin/knip.js', '--no-progress')],
  ];
  if (!build([CORE])) fail('the core does not compile (the message is above).');
  const failed = checks.filter(([title, [program, args]]) => {
    const done = spawnSync(program, args, { cwd: ROOT, encoding: 'utf8' });
    const isGood = done.status === 0;
    process.stdout.write(`${isGood ? 'good' : 'BAD '}  ${title}\n`);
    if (!isGood) process.stdout.write(`${done.stdout}${done.stderr}\n`);
    return !isGood;
  });
  process.stdout.write(`${checks.length - failed.length} checks good, ${failed.length} bad\n`);
  process.exit(failed.length > 0 ? 1 : 0);
}

/** Shows the address in the user's browser; without one the printed address has to do. */
function openBrowser(url) {
  const [program, args] =
    process.platform === 'darwin'
      ? ['open', [url]]
      : process.platform === 'win32'
        ? ['cmd', ['/c', 'start', '', url]]
        : ['xdg-open', [url]];
  spawn(program, args, { stdio: 'ignore', detached: true })
    .on('error', () => say('No browser could be opened: please open the address yourself.'))
    .unref();
}

/** Puts the fetched guests into the built page, for a host that has nothing else. */
function copyGuests() {
  if (!existsSync(GUESTS)) fail('there are no fetched guests: run "npm run guests" first.');
  cpSync(GUESTS, join(ROOT, 'dist', 'guests'), { recursive: true });
}

const DEFAULT_PORT = 8080;

async function start(args) {
  const options = readOptions(args, { open: false, port: true, host: true });
  const port = Number(options.port ?? DEFAULT_PORT);
  if (!Number.isInteger(port) || port < 0 || port > 65535) fail('--port takes a number from 0 to 65535.', 2);
  buildOrFail([CORE, PAGE]);
  const page = { root: join(ROOT, 'dist'), also: { guests: GUESTS }, host: options.host, port };
  const listening = await serve(page).catch((error) => {
    if (error.code === 'EADDRINUSE' && options.port === undefined) return serve({ ...page, port: 0 });
    return fail(`cannot listen on port ${port} (${error.code}): choose another with --port N.`);
  });
  process.stdout.write(`Vitrine is at ${listening.url} (Ctrl-C stops it)\n`);
  if (options.open) openBrowser(listening.url);
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
}

const COMMANDS = {
  start,
  test,
  check,
  build(args) {
    const options = readOptions(args, { guests: false });
    buildOrFail(STEPS);
    if (options.guests) copyGuests();
  },
  core() {
    buildOrFail([CORE]);
  },
  vitrine(args) {
    buildOrFail([CORE, CLI]);
    become(process.execPath, [join(ROOT, CLI.output), ...args]);
  },
  bench(args) {
    buildOrFail([CORE, CLI]);
    become(process.execPath, [join(ROOT, 'test', 'bench', 'main.mjs'), ...args]);
  },
  guests(args) {
    become(process.execPath, [join(ROOT, 'web', 'cli', 'guests.mjs'), ...args]);
  },
};

const [name = '', ...args] = process.argv.slice(2);
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
checkNode();
if (!command) fail(`there is no command "${name}": use one of ${Object.keys(COMMANDS).join(', ')}.`, 2);
if (name !== 'guests') install();
await command(args);
