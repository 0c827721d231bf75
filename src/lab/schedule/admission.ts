import { availableMemoryMiB } from '../../host/index.ts'

const ADMISSION_EVERY_MS = 100

/** Waits until there is memory for one VM more; the first never waits. */
export async function admission(
  memoryMiB: number,
  state: { readonly running: number },
  { stop, onWait }: { stop: AbortSignal; onWait: (availableMiB: number) => void },
): Promise<void> {
  let isSaid = false
  while (state.running > 0 && !stop.aborted && availableMemoryMiB() < memoryMiB) {
    if (!isSaid) onWait(availableMemoryMiB())
    isSaid = true
    await new Promise((resolve) => setTimeout(resolve, ADMISSION_EVERY_MS))
  }
}
