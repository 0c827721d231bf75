import { InfraError, messageOf } from '../../base/index.ts'
import type { Qmp, QmpEvent } from './qmp.ts'

const BEAT_MS = 10_000

/**
 * Writes the guest's memory to a file (qapi/dump.json). Detached, so that QEMU answers meanwhile (query-dump). Throws InfraError with QEMU's reason.
 */
export async function dumpMemory(
  qmp: Qmp,
  { path, format }: { readonly path: string; readonly format: string },
): Promise<void> {
  const over = Promise.withResolvers<string | undefined>()
  const onEvent = ({ event, data }: QmpEvent) => {
    if (event !== 'DUMP_COMPLETED') return
    const { status } = data['result'] as { status: string }
    const error = data['error'] as string | undefined
    over.resolve(status === 'completed' ? undefined : (error ?? status))
  }
  const onClosed = () => over.resolve('QEMU ended')
  qmp.on('event', onEvent)
  qmp.once('closed', onClosed)
  // A dump takes as long as the disk does, but a QEMU that hangs would take for ever.
  const beat = setInterval(() => {
    qmp.execute('query-dump').catch((error: unknown) => over.resolve(messageOf(error)))
  }, BEAT_MS)
  try {
    await qmp.execute('dump-guest-memory', {
      ...{ paging: false, protocol: `file:${path}`, detach: true },
      ...(format !== 'elf' && { format }),
    })
    const failed = await over.promise
    if (failed !== undefined)
      throw new InfraError('DUMP', `QEMU could not write ${path}: ${failed}`)
  } finally {
    clearInterval(beat)
    qmp.off('event', onEvent)
    qmp.off('closed', onClosed)
  }
}
