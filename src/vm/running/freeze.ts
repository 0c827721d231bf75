import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

import { Deadline, formatDuration, InfraError, messageOf } from '../../base/index.ts'
import { listenForOne } from '../../host/index.ts'
import type { Qmp } from './qmp.ts'

/** QEMU writes without a pause; multiplied by slowness. */
const STILL_LIMIT_MS = 30_000

export interface Frozen {
  /** Where the state of the devices goes. */
  readonly statePath: string
  readonly socketDir: string
  /**
   * Whether memory is left out, because it is a file that the VM shares (migration capability x-ignore-shared);
   * otherwise the state holds it too.
   */
  readonly withoutMemory: boolean
  readonly slowness: number
}

/**
 * Writes the state of a VM to a file. It is stopped then. Throws InfraError: FREEZE with QEMU's reason, for example a device that
 * cannot be migrated, or a 9p export that is mounted; others for what need not be so the next time.
 */
export async function freeze(
  qmp: Qmp,
  { statePath, socketDir, withoutMemory, slowness }: Frozen,
): Promise<void> {
  // `file:` is newer (v8.2), `exec:` is forbidden by our sandbox: QEMU connects to us.
  await using listener = await listenForOne(join(socketDir, 'state'))
  const over = Promise.withResolvers<FreezeEnd>()
  using deadline = new Deadline(STILL_LIMIT_MS * slowness)
  async function* flowing(chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      // However much memory there is, and however slow the disk.
      deadline.renew()
      yield chunk
    }
  }
  const written = listener.connected.then((socket) =>
    pipeline(socket, flowing, createWriteStream(statePath, { mode: 0o600 })),
  )
  written.catch((error: unknown) => over.resolve({ kind: 'unwritten', error }))
  const onEvent = ({ event, data }: { event: string; data: Readonly<Record<string, unknown>> }) => {
    if (event !== 'MIGRATION') return
    if (data['status'] === 'completed') over.resolve({ kind: 'completed' })
    if (data['status'] === 'failed')
      void whyFailed(qmp).then((why) => over.resolve({ kind: 'refused', why }))
  }
  qmp.on('event', onEvent)
  qmp.once('closed', () => over.resolve({ kind: 'gone' }))
  await setCapabilities(qmp, { 'x-ignore-shared': withoutMemory, events: true })
  // Its limit is for networks: nothing here has to be spared.
  await qmp.execute('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 })
  await qmp.execute('stop')
  await qmp.execute('migrate', { uri: `unix:${listener.path}` })
  const passed = deadline.passed.then(() => ({ kind: 'passed' }) as const)
  const end = await Promise.race([over.promise, passed])
  qmp.off('event', onEvent)
  const whole = end.kind === 'completed' ? await endOfWriting(written) : end
  if (whole) throw freezeError(whole, statePath, STILL_LIMIT_MS * slowness)
}

/** How the writing of a state ends. */
type FreezeEnd =
  | { readonly kind: 'completed' }
  | { readonly kind: 'refused'; readonly why: string }
  | Unwritten
  | { readonly kind: 'gone' }

interface Unwritten {
  readonly kind: 'unwritten'
  readonly error: unknown
}

async function endOfWriting(written: Promise<void>): Promise<Unwritten | undefined> {
  try {
    await written
    return undefined
  } catch (error) {
    return { kind: 'unwritten', error }
  }
}

function freezeError(
  end: Exclude<FreezeEnd, { kind: 'completed' }> | { readonly kind: 'passed' },
  statePath: string,
  limitMs: number,
): InfraError {
  const what = 'the state of the VM could not be written'
  switch (end.kind) {
    case 'refused':
      return new InfraError('FREEZE', `${what}: ${end.why}`)
    case 'gone':
      return new InfraError('FREEZE_GONE', `${what}: QEMU ended`)
    case 'unwritten':
      return new InfraError('FREEZE_WRITE', `${what} to ${statePath}: ${messageOf(end.error)}`)
    case 'passed':
      return new InfraError(
        'FREEZE_SLOW',
        `${what}: QEMU has written nothing for ${formatDuration(limitMs)}`,
      )
  }
}

/** QEMU tells why a migration failed when it is asked (query-migrate), where it knows. */
async function whyFailed(qmp: Qmp): Promise<string> {
  const facts = await qmp.execute('query-migrate').catch(() => undefined)
  // QMP: an object, perhaps with `error-desc`.
  const { 'error-desc': why } = (facts ?? {}) as { readonly 'error-desc'?: unknown }
  return typeof why === 'string' ? why : 'the migration failed'
}

/**
 * Lets a VM that was started with `incoming` go on from a state that is open as one of its descriptors. Resolves when it
 * runs; rejects with QEMU's reason when it does not take the state.
 */
export async function thaw(
  qmp: Qmp,
  { fd, withoutMemory }: { readonly fd: number; readonly withoutMemory: boolean },
): Promise<void> {
  const resumed = Promise.withResolvers<void>()
  const onEvent = ({ event, data }: { event: string; data: Readonly<Record<string, unknown>> }) => {
    if (event === 'MIGRATION' && data['status'] === 'failed')
      resumed.reject(new InfraError('THAW', 'QEMU did not take the state'))
    // The state was written of a stopped VM, so this one stops too when it has it.
    if (event === 'MIGRATION' && data['status'] === 'completed')
      qmp.execute('cont').then(() => resumed.resolve(), resumed.reject)
  }
  qmp.on('event', onEvent)
  qmp.once('closed', () => resumed.reject(new InfraError('THAW', 'QEMU ended')))
  resumed.promise.catch(() => undefined)
  // In one go: QEMU answers them in their order.
  await Promise.all([
    setCapabilities(qmp, { 'x-ignore-shared': withoutMemory, events: true }),
    qmp.execute('migrate-incoming', { uri: `fd:${fd}` }),
  ])
  await resumed.promise
  qmp.off('event', onEvent)
}

async function setCapabilities(qmp: Qmp, wanted: Readonly<Record<string, boolean>>): Promise<void> {
  const capabilities = Object.entries(wanted).map(([capability, state]) => ({ capability, state }))
  await qmp.execute('migrate-set-capabilities', { capabilities })
}
