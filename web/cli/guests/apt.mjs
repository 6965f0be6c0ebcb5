// Debian packages by name, through an apt of our own: its lists lie in a folder that goes away again, so that the
// machine's configuration, lists and architectures stay as they are, and nobody needs to be root. Knows no guest.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What ends the making of a guest, in one sentence. */
export class GuestError extends Error {}

/** Runs a program and gives its stdout as bytes; a program that fails or is absent ends in one sentence. */
export function run(program, args, hint, options = {}) {
  const done = spawnSync(program, args, { maxBuffer: 2 ** 28, ...options });
  if (done.error?.code === 'ENOENT') {
    throw new GuestError(
      `${program} was not found: guests come from Debian's archive, so run this on Debian or Ubuntu.`,
    );
  }
  if (done.status !== 0) {
    const last = `${done.stdout}${done.stderr}`.trim().split('\n').pop();
    throw new GuestError(`${program} ${args.join(' ')} failed (${last}): ${hint}`);
  }
  return done.stdout;
}

/** The first field of this name in the text of a package's record. */
function fieldOf(record, name) {
  return new RegExp(`^${name}: (.*)$`, 'm').exec(record)?.[1] ?? '';
}

/** apt's settings: the machine's sources and ways to the network, everything else of our own below `folder`. */
function settings(folder, architecture) {
  const network = run('apt-config', ['dump', 'Acquire'], 'apt is damaged.')
    .toString()
    .split('\n')
    .filter((line) => /^Acquire::https?:/i.test(line));
  const own = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    // apt drops its rights when root downloads, and then may not write into a private folder.
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '2',
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    // The machine's hooks would clean up after an update of the machine.
    'Dir::Etc::main': '-',
    'Dir::Etc::parts': join(folder, 'parts'),
  };
  return [...network, ...Object.entries(own).map(([key, value]) => `${key} "${value}";`), ''].join('\n');
}

/**
 * The archive's packages for one architecture ("amd64", "i386"), with lists of this moment below `folder`; apt checks
 * their signatures and every package's hash. `show(name)` gives a package's version and what it depends on; `unpack(name)` gives its version and the folder of its
 * files. Both throw a GuestError.
 */
export function openArchive(folder, architecture) {
  for (const path of ['state/lists/partial', 'cache/archives/partial', 'parts'])
    mkdirSync(join(folder, path), { recursive: true });
  writeFileSync(join(folder, 'status'), '');
  const config = join(folder, 'apt.conf');
  writeFileSync(config, settings(folder, architecture));
  const env = { ...process.env, LC_ALL: 'C', APT_CONFIG: config };
  const hint = "check the network and apt's sources.";
  // One list that cannot be had makes apt fail, and does no harm while another has the package: so what counts is
  // whether a package is found.
  const updated = spawnSync('apt-get', ['-q', 'update'], { env, encoding: 'utf8' });
  const complaint = `${updated.stdout ?? ''}${updated.stderr ?? ''}`
    .split('\n')
    .find((line) => /^[EW]:/.test(line));

  function show(name) {
    const found = spawnSync('apt-cache', ['show', '--no-all-versions', name], { env, encoding: 'utf8' });
    if (found.status !== 0) {
      const why = complaint === undefined ? '' : ` (${complaint.slice(3).trim()})`;
      throw new GuestError(`apt finds no package ${name} for ${architecture}${why}: ${hint}`);
    }
    return {
      version: fieldOf(found.stdout, 'Version'),
      depends: fieldOf(found.stdout, 'Depends').split(/, */),
    };
  }

  function unpack(name) {
    const { version } = show(name);
    const cwd = mkdtempSync(join(folder, 'package-'));
    run('apt-get', ['-q', 'download', name], hint, { cwd, env });
    const archive = readdirSync(cwd).find((file) => file.endsWith('.deb'));
    if (!archive) throw new GuestError(`apt-get download ${name} left no package: ${hint}`);
    run('dpkg-deb', ['-x', archive, 'tree'], 'the package is damaged, try again.', { cwd });
    rmSync(join(cwd, archive));
    return { package: name, version, tree: join(cwd, 'tree') };
  }

  return { architecture, show, unpack };
}
