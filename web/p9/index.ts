// The 9P2000.L server: the only door of this folder.

export { MSIZE_MAX } from './constants.ts';
export { type P9Options, P9Server } from './server.ts';
export { P9Session } from './session.ts';
