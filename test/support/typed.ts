import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

import { shellWord } from '../../src/base/index.ts'
import { PROGRAM } from './klab.ts'

export const CTRL_C = '\u0003'
export const CTRL_D = '\u0004'

/** klab in a terminal of its own (script(1)), with somebody who types. */
export class TypedKlab implements AsyncDisposable {
  readonly #script: ChildProcess
  readonly #closed: Promise<unknown[]>
  #shown = ''

  /** `after`: a shell command that follows in the same terminal. */
  constructor(args: readonly string[], { home, after }: { home: string; after?: string }) {
    const line = [PROGRAM, ...args].map(shellWord).join(' ')
    const shell = after === undefined ? `exec ${line}` : `${line}; ${after}`
    this.#script = spawn('script', ['-q', '-e', '-c', shell, '/dev/null'], {
      cwd: '/tmp',
      env: { ...process.env, KLAB_HOME: home },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#closed = once(this.#script, 'close')
    this.#script.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#shown += text))
    this.#script.stdin?.on('error', () => undefined)
  }

  /** All that the terminal has shown. */
  get shown(): string {
    return this.#shown
  }

  type(keys: string): void {
    this.#script.stdin?.write(keys)
  }

  /** Waits for a fact, such as a text on the screen. */
  async until(what: () => boolean): Promise<void> {
    for (let tries = 0; tries < 1200; tries++) {
      if (what()) return
      if (this.#script.exitCode !== null) break
      await sleep(50)
    }
    throw new Error(`it did not come to that; the terminal shows:\n${this.#shown}`)
  }

  async untilShown(text: string): Promise<void> {
    await this.until(() => this.#shown.includes(text))
  }

  /** What klab exits with, and after how long. */
  async ended(): Promise<{ code: unknown; ms: number }> {
    const from = performance.now()
    const timer = setTimeout(() => this.#script.kill('SIGKILL'), 100_000)
    const [code] = await this.#closed
    clearTimeout(timer)
    return { code, ms: performance.now() - from }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // With the terminal goes who sits in it.
    this.#script.kill('SIGKILL')
    await this.#closed
  }
}
