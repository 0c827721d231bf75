/** Which kernel the user wants, as said on the command line. */
export interface KernelChoice {
  /** A ready-made kernel: path, release or id. */
  readonly kernel?: string
  readonly tree?: string
  readonly profile?: string
  /** `CONFIG_X=y`, later ones winning. */
  readonly options: readonly string[]
  readonly configFiles: readonly string[]
  /** What all is laid over: a file with a whole configuration, or one of the words running, defconfig, tree. */
  readonly configBase?: string
}
