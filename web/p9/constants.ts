// Numbers of 9P2000.L: message types, flags, qid types, limits. Constants only.
// Sources: intro(5) of Plan 9's manual, the 9P2000.L page of diod, and what Linux's client (net/9p, fs/9p) sends.

/** Message types; an answer has its request's number plus one. Requests of 9P2000 that .L leaves out are not here. */
export const TYPE = {
  Rlerror: 7,
  Tstatfs: 8,
  Tlopen: 12,
  Tlcreate: 14,
  Tsymlink: 16,
  Tmknod: 18,
  Trename: 20,
  Treadlink: 22,
  Tgetattr: 24,
  Tsetattr: 26,
  Txattrwalk: 30,
  Txattrcreate: 32,
  Treaddir: 40,
  Tfsync: 50,
  Tlock: 52,
  Tgetlock: 54,
  Tlink: 70,
  Tmkdir: 72,
  Trenameat: 74,
  Tunlinkat: 76,
  Tversion: 100,
  Tauth: 102,
  Tattach: 104,
  Tflush: 108,
  Twalk: 110,
  Tread: 116,
  Twrite: 118,
  Tclunk: 120,
  Tremove: 122,
} as const;

/** The name of a request. */
export type RequestName = Exclude<keyof typeof TYPE, 'Rlerror'>;

/** The dialect, as Tversion names it. */
export const DIALECT = '9P2000.L';
/** "No tag": that of Tversion. */
export const NOTAG = 0xffff;
/** "No fid": afid of an attach without authentication. */
export const NOFID = 0xffffffff;

/** size[4] type[1] tag[2]. */
export const HEADER_BYTES = 7;
/** What an Rread or Rreaddir has besides its data: the header and count[4]. */
export const READ_OVERHEAD = HEADER_BYTES + 4;

/** Bytes of the smallest message length that is agreed to, as Linux's client has it. */
export const MSIZE_MIN = 4096;
/** Bytes of the largest: what Linux's virtio transport takes at most (125 pages of a queue of 128) fits in. */
export const MSIZE_MAX = 512 * 1024;
/** Names of one Twalk (P9_MAXWELEM). */
export const WALK_MAX = 16;
/** Bytes of one name. */
export const NAME_MAX = 255;
/** Bytes of what a symbolic link holds. */
export const LINK_MAX = 4095;
/** Fids of one session: Linux's client keeps one per cached directory entry. */
export const FIDS_MAX = 65536;
/** Fids of one session with an open file or a list of names. */
export const OPEN_MAX = 1024;
/** Requests of one session that wait for their answers. */
export const REQUESTS_MAX = 1024;

/** Types in a qid. */
export const QTDIR = 0x80;
export const QTSYMLINK = 0x02;
export const QTFILE = 0x00;

/** Bits of Tsetattr's `valid`. */
export const SET_MODE = 0x001;
export const SET_UID = 0x002;
export const SET_GID = 0x004;
export const SET_SIZE = 0x008;
export const SET_MTIME = 0x020;
/** The time is given; without it the time is now. */
export const SET_MTIME_SET = 0x100;

/** All basic fields, in Rgetattr's `valid`: mode, nlink, uid, gid, rdev, times, ino, size, blocks. */
export const GETATTR_BASIC = 0x7ffn;
/** Bit of Tunlinkat: a directory is meant. */
export const AT_REMOVEDIR = 0x200;

/** Types of locks, and of an answer that there is none. */
export const LOCK_READ = 0;
export const LOCK_WRITE = 1;
export const LOCK_UNLOCK = 2;
/** Answers of Tlock. */
export const LOCK_SUCCESS = 0;
export const LOCK_BLOCKED = 1;

/** f_type of statfs(2) for a 9p mount. */
export const V9FS_MAGIC = 0x01021997;
/** d_type of readdir: DT_DIR, DT_REG, DT_LNK. */
export const DT_DIR = 4;
export const DT_REG = 8;
export const DT_LNK = 10;
