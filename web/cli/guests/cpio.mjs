// Writes cpio archives in the "newc" format, which Linux unpacks as its first root file system (the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst). Reads none, and packs none with gzip.

const MAGIC = '070701';
const HEADER = 110;
/** The archive ends on a multiple of this, as tapes wished. */
const BLOCK = 512;
const KINDS = { folder: 0o040000, file: 0o100000, device: 0o020000, link: 0o120000 };
const PERMISSIONS = { folder: 0o755, file: 0o644, device: 0o644, link: 0o777 };

const padding = (length, unit) => Buffer.alloc((unit - (length % unit)) % unit);

function record(inode, { path, mode, links, data, device = [0, 0] }) {
  const name = Buffer.from(`${path}\0`);
  // inode, mode, uid, gid, links, mtime, size, device of the file (2), device that it is (2), length of name, checksum
  const fields = [inode, mode, 0, 0, links, 0, data.length, 0, 0, ...device, name.length, 0];
  const header = Buffer.from(MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join(''));
  return [header, name, padding(HEADER + name.length, 4), data, padding(data.length, 4)];
}

/**
 * The archive of these entries, in their order: `{ path }` is a folder, `{ path, data }` a file, `{ path, link }` a
 * symbolic link to that path, `{ path, device: [major, minor] }` a character device; paths have no leading slash. `mode`
 * has the permission bits: 0o755 for folders, 0o777 for links and 0o644 for the rest when left out. All belong to root, with the time 0: the same entries make the same bytes. A
 * folder must come before what lies in it.
 */
export function writeCpio(entries) {
  const known = new Set(['.']);
  const records = entries.flatMap(({ path, data, link, device, mode }, index) => {
    const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.';
    if (!known.has(parent))
      throw new RangeError(`${path} lies in ${parent}, which is not in the archive before it.`);
    const kind = device ? 'device' : link ? 'link' : data ? 'file' : 'folder';
    if (kind === 'folder') known.add(path);
    const permissions = mode ?? PERMISSIONS[kind];
    const links = kind === 'folder' ? 2 : 1;
    const content = Buffer.from(data ?? link ?? '');
    return record(index + 1, { path, mode: KINDS[kind] | permissions, links, data: content, device });
  });
  const all = Buffer.concat([
    ...records,
    ...record(0, { path: 'TRAILER!!!', mode: 0, links: 1, data: Buffer.alloc(0) }),
  ]);
  return Buffer.concat([all, padding(all.length, BLOCK)]);
}
