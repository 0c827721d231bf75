import { constants } from 'node:os'

import { Interrupted } from '../base/index.ts'
import type { Interrupts } from '../lab/index.ts'

export interface ProcessInterrupts extends Interrupts, Disposable {
  /** Ends the VM now. */
  end(signal: number): void
}

/**
 * Ctrl-C once asks the command to stop, twice ends the VM; SIGTERM and SIGHUP end it at once. Before there is a
 * command, once is enough.
 */
export function processInterrupts(onFirst: () => void): ProcessInterrupts {
  const stop = new AbortController()
  let send: ((signal: number) => void) | undefined
  let asked = false
  const end = (signal: number) => stop.abort(new Interrupted(signal))
  const onInterrupt = () => {
    if (!send || asked) {
      end(constants.signals.SIGINT)
      return
    }
    asked = true
    send(constants.signals.SIGINT)
    onFirst()
  }
  const onTerminate = () => end(constants.signals.SIGTERM)
  const onHangUp = () => end(constants.signals.SIGHUP)
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate).on('SIGHUP', onHangUp)
  return {
    onSignal: (listener) => {
      send = listener
    },
    stop: stop.signal,
    end,
    [Symbol.dispose]() {
      process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate).off('SIGHUP', onHangUp)
    },
  }
}
