import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { run, type ProcessResult } from '../../src/host/index.ts'
import { TEST_HOME } from './home.ts'
import { testTree } from './kernels.ts'
import { klab, PROGRAM } from './klab.ts'

/** A file system in memory with klab's home on it, a kernel in that, and nothing else; whatever is in it goes with it. */
export class SmallDisk implements Disposable {
  readonly #place = mkdtempSync('/tmp/klab-disk-')
  readonly home = join(this.#place, 'disk', 'home')
  #kernel = ''

  static async make(): Promise<SmallDisk> {
    const made = new SmallDisk()
    const { stdout } = await klab(['build', '--json', '--tree', testTree()])
    made.#kernel = (JSON.parse(stdout) as { id: string }).id
    return made
  }

  /**
   * Runs a script on a new disk of a size: `$DISK` is the disk, `klab` as a user would call it, `fill` leaves no block free, `run` is klab
   * run with the kernel, and `code` says with what a command has ended.
   */
  async script(options: string, text: string): Promise<ProcessResult> {
    const disk = join(this.#place, 'disk')
    mkdirSync(disk, { recursive: true })
    const cache = join(TEST_HOME, 'cache')
    const script = `
      mount -t tmpfs -o ${options} none ${disk}
      DISK=${disk}
      export KLAB_HOME=${this.home}
      mkdir -p $KLAB_HOME/cache/kernels
      cp -a ${cache}/kernels/${this.#kernel} $KLAB_HOME/cache/kernels/
      cp -a ${cache}/accelerator $KLAB_HOME/cache/
      klab() { ${PROGRAM} "$@"; }
      run() { klab run --kernel ${this.#kernel} "$@"; }
      fill() { head -c 1G /dev/zero >$DISK/fill 2>&- || true; }
      code() { "$@" && echo "=> 0" || echo "=> $?"; }
      cd ${this.#place}
      klab runs >/dev/null
      ${text}`
    const own = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount']
    return await run('unshare', [...own, 'sh', '-ec', script])
  }

  [Symbol.dispose](): void {
    rmSync(this.#place, { recursive: true, force: true })
  }
}
