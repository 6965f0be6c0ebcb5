// A share in the browser's own file system, used as a guest's requests and the shell would.
import { LocalFs } from '../../../web/fs/index.ts';
import { opfsFolder } from '../../../web/session/folders/opfs_folder.ts';

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'done',
    (error) => (error as { code?: string }).code ?? String(error),
  );

async function look(): Promise<Record<string, unknown>> {
  const fs = new LocalFs(await opfsFolder('test'));
  const before = await fs.readdir('/');
  await fs.writeFile('/kept', 'kept');
  await fs.mkdir('/dir');
  const file = await fs.open('/dir/file', 'w+');
  await file.write(new TextEncoder().encode('one two'));
  const second = await fs.open('/dir/file', 'a');
  await second.write(new TextEncoder().encode('!'));
  await file.sync();
  await file.truncate(5);
  const { size, mode, mtime } = await fs.stat('/dir/file');
  const busy = [await codeOf(fs.unlink('/dir/file')), await codeOf(fs.rename('/dir/file', '/x'))];
  await file.close();
  const third = await fs.open('/dir/file');
  const tail = new TextDecoder().decode(await third.read(9, 4));
  await third.close();
  await second.close();
  const errors = [
    await codeOf(fs.rmdir('/dir')),
    await codeOf(fs.mkdir('/dir')),
    await codeOf(fs.readText('/nothing')),
    await codeOf(fs.readText('/kept/below')),
    await codeOf(fs.chmod('/kept', 0o600)),
    await codeOf(fs.rename('/dir', '/dir2')),
  ];
  await fs.writeFile('/old', 'old');
  await fs.writeFile('/new', 'new');
  await fs.rename('/new', '/old');
  const big = new Uint8Array(3 << 20).map((_, n) => n * 7);
  await fs.writeFile('/big', big);
  const again = await fs.readFile('/big');
  const names = (await fs.readdir('/')).map(({ name }) => name);
  const renamed = await fs.readText('/old');
  const isRecent = Math.abs(mtime - Date.now()) < 60_000;
  const isSame = again.length === big.length && again.every((byte, n) => byte === big[n]);
  await fs.unlink('/big');
  await fs.unlink('/old');
  return { before, size, mode, isRecent, busy, tail, errors, names, renamed, isSame };
}

look().then(postMessage, (error) => postMessage({ failed: String(error) }));
