// Whether a file is a kernel, as whoever starts machines sees it. It starts none.

/** Whether a machine can start these bytes: a bzImage, an ELF file with a PVH note, a Multiboot kernel. */
export async function isKernel(bytes: Uint8Array): Promise<boolean> {
  // Asked for a file that somebody gives, not for each page that opens.
  const { identify } = await import('../vmm/loaders/kernel.ts');
  try {
    identify(bytes);
    return true;
  } catch {
    return false;
  }
}
