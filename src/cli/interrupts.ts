import { constants } from 'node:os'

import { Interrupted } from '../base/index.ts'
import type { Interrupts } from '../lab/index.ts'

export interface ProcessInterrupts extends Interrupts, Disposable {
  /** Ends the VM now. */
  end(signal: number): void
}

/** A key that is pressed once may come to us twice: from the terminal, and from whoever started us. */
const ONE_PRESS_MS = 300

/**
 * Ctrl-C once asks the command to stop, twice ends the VM; SIGTERM and SIGHUP end it at once. Before there is a
 * command, once is enough. Whoever asks again after that does not wait until all is tidied up.
 */
export function processInterrupts(onFirst: () => void): ProcessInterrupts {
  const stop = new AbortController()
  let send: ((signal: number) => void) | undefined
  let asked = false
  let endedAt = 0
  const end = (signal: number) => {
    // Asked once more: whatever is still being tidied up stays as it is. The kernel ends what we have started.
    if (stop.signal.aborted && performance.now() - endedAt > ONE_PRESS_MS)
      process.exit(128 + signal)
    if (!stop.signal.aborted) endedAt = performance.now()
    stop.abort(new Interrupted(signal))
  }
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
