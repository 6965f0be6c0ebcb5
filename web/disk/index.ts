// The door of web/disk. What only one host has (files of Node, private files of a browser) is opened by open_node.ts and
// open_browser.ts, which are doors of their own.

export { type BlobLike, blobStore } from './blob_store.ts';
export { type BlockFile, MemoryFile, RawStore } from './block_file.ts';
export { type BlockStore, checkRange, checkWritable, type Maybe, SECTOR } from './block_store.ts';
export { copyImage, imagePieces } from './export_image.ts';
export { type Fetch, type HttpStoreOptions, openHttpStore } from './http_store.ts';
export { emptyStore, type MemoryStoreOptions, memoryStore } from './memory_store.ts';
export type { DiskOptions, UpperOptions } from './options.ts';
export { Overlay, type OverlayOptions, openOverlay } from './overlay.ts';
export { type DiskWords, diskOf } from './words.ts';
