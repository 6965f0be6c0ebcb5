// The launcher behind every npm script: installs what is missing, builds what is stale, then runs the command.
// Plain Node without dependencies, because a bare checkout has none. It knows no machine and no page.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's root folder. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

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
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`cannot start ${program}: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(signal ? 130 : (code ?? 1)));
}

const COMMANDS = {
  build() {
    buildOrFail([CORE, PAGE, CLI]);
  },
  core() {
    buildOrFail([CORE]);
  },
  vitrine(args) {
    buildOrFail([CORE, CLI]);
    become(process.execPath, [join(ROOT, CLI.output), ...args]);
  },
  test(args) {
    buildOrFail([CORE, PAGE, CLI]);
    become(...node('vitest/vitest.mjs', 'run', ...args));
  },
};

const [name = '', ...args] = process.argv.slice(2);
const command = COMMANDS[name];
checkNode();
if (!command) fail(`there is no command "${name}": use one of ${Object.keys(COMMANDS).join(', ')}.`, 2);
install();
command(args);
