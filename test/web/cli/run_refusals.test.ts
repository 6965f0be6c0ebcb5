// `vitrine run` with what it cannot run: one sentence on stderr, a status, and never a hang.
import { describe, expect, test } from 'vitest';
import { file, flat, run } from './vitrine.ts';

const loop = flat('loop', 'real', 'bits 16\norg 0x7c00\njmp $\n');
const empty = file('empty', '');
const text = file('text', 'This is no kernel.\n');
const elf = Buffer.alloc(64);
Buffer.from([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]).copy(elf);
elf.writeUInt16LE(2, 16);
elf.writeUInt16LE(3, 18);
elf.writeUInt32LE(1, 20);
elf.writeUInt32LE(52, 28);
elf.writeUInt16LE(52, 40);
elf.writeUInt16LE(32, 42);
elf.writeUInt16LE(9, 44);
const truncated = file('truncated', elf);

const REFUSED: [what: string, args: string[], sentence: RegExp][] = [
  ['nothing', [], /Nothing to run was named; give --kernel FILE, --flat FILE or --guest NAME/],
  [
    'a file that is not there',
    ['--kernel', '/nowhere/vmlinuz'],
    /"\/nowhere\/vmlinuz" cannot be read \(ENOENT\)/,
  ],
  ['a folder', ['--kernel', '/'], /cannot be read \(EISDIR\)/],
  ['a file of another kind', ['--kernel', text], /of no kind that we know/],
  ['an empty kernel', ['--kernel', empty], /kernel file is empty/],
  ['an empty image', ['--flat', empty], /flat image is empty/],
  ['a truncated kernel', ['--kernel', truncated], /truncated/],
  ['both programs', ['--kernel', text, ...loop], /either --kernel or --flat/],
  ['an unknown option', [...loop, '--bogus', '1'], /There is no option '--bogus'; use --guest, --kernel/],
  ['a lone word', [...loop, 'word'], /'word' belongs to no option/],
  ['an option without its value', [...loop, '--cpus'], /needs a value/],
  ['a guest that there is not', ['--guest', 'plan9'], /There is no guest "plan9"; .+/],
  ['a kernel beside a guest', ['--guest', 'cloud', '--kernel', text], /--kernel means nothing with --guest/],
  ['an initrd beside a flat image', [...loop, '--initrd', text], /--initrd means nothing with --flat/],
  ['a mode beside a kernel', ['--kernel', text, '--mode', 'long'], /--mode means nothing with --kernel/],
  ['a mode that there is not', [...loop, '--mode', 'virtual'], /real, protected or long/],
  ['real mode above 64 KiB', [...loop, '--at', '0x10000'], /below 64 KiB/],
  ['an address that is none', [...loop, '--at', 'here'], /whole number/],
  ['an image beyond memory', [...loop, '--mode', 'long', '--at', '0x8000000'], /give it more memory/],
  [
    'a threshold of the JIT that is no number',
    [...loop, '--jit', 'soon'],
    /--jit is "soon"; give a whole number/,
  ],
  ['a threshold beyond what is counted', [...loop, '--jit', '2000000'], /give 0 to 1000000/],
  ['a network of no kind', [...loop, '--net', 'bridge'], /"user" or "switch=NAME"/],
  ['a port that forwards nothing', [...loop, '--net', 'user,forward=80'], /"80" forwards nothing/],
  [
    'one network in two ways',
    [...loop, '--net', 'user', '--net', 'user,host-loopback'],
    /Two cards on the network user must say the same/,
  ],
  ['a share that is not there', [...loop, '--share', '/nowhere'], /ENOENT/],
  ['a share without a name', [...loop, '--share', '/'], /write DIR, DIR,TAG or DIR,TAG,ro/],
  ['two shares of one tag', [...loop, '--share', '.,a', '--share', '..,a'], /Two shares have the tag a/],
  ['an export of no path', [...loop, '--export', 'kvm'], /a path of the tree and a tag/],
  ['a size that is none', [...loop, '--memory', 'much'], /"much" is no size/],
  ['memory of half a page', [...loop, '--memory', '2048'], /whole number of 4 KiB pages/],
  ['memory beyond 4 GiB', [...loop, '--memory', '5G'], /give at most 3584M/],
  ['33 vCPUs', [...loop, '--cpus', '33'], /1 to 32 CPUs/],
  ['an engine that there is not', [...loop, '--engine', 'steam'], /parallel or deterministic/],
  ['a disk that is not there', [...loop, '--disk', '/nowhere/disk.img'], /ENOENT.*\/nowhere\/disk\.img/],
  [
    'a disk with a word that means nothing',
    [...loop, '--disk', `${text},rw`],
    /--disk has "rw"; it takes ro/,
  ],
  ['a disk without an image', [...loop, '--disk', ',ro'], /--disk names no image/],
  ['a disk that is read only and has changes', [...loop, '--disk', `${text},ro,changes=x`], /leave out one/],
  ['a timeout in the past', [...loop, '--timeout=-1'], /give seconds/],
  ['statistics that cannot be written', [...loop, '--stats', '/nowhere/s'], /cannot be written .*\(ENOENT\)/],
  ['an exit port on a device', [...loop, '--exit-port', '0x3f8'], /overlaps .*serial0/],
  ['an exit port that is none', [...loop, '--exit-port', '0x10000'], /does not fit the bus/],
];

describe('vitrine run refuses', () => {
  test.each(REFUSED)('%s', (_what, args, sentence) => {
    const { status, stdout, stderr } = run(args);
    expect(stderr).toMatch(sentence);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
});
