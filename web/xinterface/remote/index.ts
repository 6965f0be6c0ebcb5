// The door of the windows onto guests elsewhere.

export { BlockingWindow } from './blocking.ts';
export { Mailbox, mailboxPort } from './mailbox.ts';
export { type MessagePortLike, portOf, type WindowPort } from './messages.ts';
export { WindowServer } from './server.ts';
export { RemoteWindow } from './window.ts';
