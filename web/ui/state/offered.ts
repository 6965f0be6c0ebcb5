// Files that a person gives the page: which of them is a kernel, a disk image, or one for the shared folder. It reads
// their beginnings and does nothing with them.

import { isKernel } from '../../session/is_kernel.ts';

/** What a file is to a machine. `packed`: an image in a format of disks that nobody here reads. */
export type FileKind = 'kernel' | 'initrd' | 'disk' | 'packed' | 'file';

/** As many bytes as tell a disk: btrfs says what it is behind 64 KiB. */
const HEAD_BYTES = 0x1_0048;
/** No kernel is larger; what is larger is not read as a whole. */
const KERNEL_MAX = 256 << 20;

interface Mark {
  readonly at: number;
  readonly bytes: readonly number[] | string;
}

/** What file systems and partition tables begin with. */
const DISKS: readonly Mark[] = [
  { at: 0x1fe, bytes: [0x55, 0xaa] },
  { at: 0x200, bytes: 'EFI PART' },
  { at: 0x438, bytes: [0x53, 0xef] },
  { at: 0, bytes: 'XFSB' },
  { at: 0, bytes: 'hsqs' },
  { at: 0x8001, bytes: 'CD001' },
  { at: 0xff6, bytes: 'SWAPSPACE2' },
  { at: 0x1_0040, bytes: '_BHRfS_M' },
];
/** Formats in which others keep disks: qcow2, VMDK, VHDX, VDI. */
const PACKED: readonly Mark[] = [
  { at: 0, bytes: 'QFI\xfb' },
  { at: 0, bytes: 'KDMV' },
  { at: 0, bytes: 'vhdxfile' },
  { at: 0x40, bytes: [0x7f, 0x10, 0xda, 0xbe] },
];
/** A kernel may begin with one of these; whether it is one its whole says. */
const PROGRAMS: readonly Mark[] = [
  { at: 0x202, bytes: 'HdrS' },
  { at: 0, bytes: '\x7fELF' },
];
const MULTIBOOT = [0x02, 0xb0, 0xad, 0x1b];
const MULTIBOOT_WITHIN = 8192;

const has = (head: Uint8Array, { at, bytes }: Mark): boolean =>
  [...bytes].every((one, index) => head[at + index] === (typeof one === 'string' ? one.charCodeAt(0) : one));

function mayBeKernel(head: Uint8Array): boolean {
  if (PROGRAMS.some((mark) => has(head, mark))) return true;
  for (let at = 0; at < MULTIBOOT_WITHIN; at += 4) if (has(head, { at, bytes: MULTIBOOT })) return true;
  return false;
}

const bytesOf = async (file: Blob) => new Uint8Array(await file.arrayBuffer());

/** What this file is. */
export async function fileKind(file: File): Promise<FileKind> {
  const head = await bytesOf(file.slice(0, HEAD_BYTES));
  if (file.size <= KERNEL_MAX && mayBeKernel(head) && (await isKernel(await bytesOf(file)))) return 'kernel';
  if (PACKED.some((mark) => has(head, mark))) return 'packed';
  if (file.size >= 512 && DISKS.some((mark) => has(head, mark))) return 'disk';
  if (/initr(d|amfs)|\.cpio\b/.test(file.name) || has(head, { at: 0, bytes: '0707' })) return 'initrd';
  return file.size >= 512 && /\.(img|raw|iso|dd)$/i.test(file.name) ? 'disk' : 'file';
}

/** Given files by what they are. */
export interface Offered {
  readonly kernel: File | undefined;
  readonly initrd: File | undefined;
  readonly disk: File | undefined;
  /** For the shared folder. */
  readonly files: readonly File[];
}

/** Sorts files. Throws one sentence where it is not clear what is meant: then nothing is to be done with any. */
export async function sortFiles(given: readonly File[]): Promise<Offered> {
  const kinds = await Promise.all(given.map(fileKind));
  const of = (kind: FileKind) => given.filter((_, index) => kinds[index] === kind);
  const [packed] = of('packed');
  if (packed)
    throw new Error(
      `${packed.name} is no raw image: make one with "qemu-img convert -O raw ${packed.name} ${packed.name}.raw".`,
    );
  const [kernels, disks, initrds] = [of('kernel'), of('disk'), of('initrd')];
  for (const [what, all] of [
    ['kernels', kernels],
    ['disk images', disks],
  ] as const)
    if (all.length > 1)
      throw new Error(
        `${all.map(({ name }) => name).join(' and ')} are ${what}: a machine takes one, so give one of them.`,
      );
  const initrd = kernels.length > 0 ? initrds[0] : undefined;
  return {
    kernel: kernels[0],
    initrd,
    disk: disks[0],
    files: given.filter((file) => ![...kernels, ...disks, initrd].includes(file)),
  };
}
