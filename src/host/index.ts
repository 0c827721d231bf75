export { asideName, leftAside } from './aside.ts'
export { readBelieved, type BelievedFile, type Openness } from './believed-file.ts'
export { confined, LAUNCHER, SHIM, type Confinement, type Rules, type View } from './launcher.ts'
export { diskUsage } from './disk-usage.ts'
export { ensurePrivateDirectory } from './directories.ts'
export { cacheFile, setAside, writeAtomically } from './kept-file.ts'
export {
  availableMemoryMiB,
  bootId,
  cpuCount,
  findProgram,
  memoryMiB,
  openFileLimit,
} from './facts.ts'
export { askForAccount } from './getent.ts'
export { withFileBytes } from './file-bytes.ts'
export { openOutside, readOutside, streamOutside, textOutside } from './outside-file.ts'
export { isLocked, lockFile, tryLockFile } from './lock.ts'
export { compileTo, nativeProgram, packagePath, shippedPath, type NativeProgram } from './native.ts'
export {
  describeExit,
  run,
  runInteractive,
  runOk,
  start,
  startDetached,
  type DetachedProcess,
  type LiveProcess,
  type ProcessExit,
  type ProcessResult,
  type RunOptions,
  type StdioOptions,
} from './process.ts'
export { Patience, stoppedOf, type Peer } from './patience.ts'
export { listenForOne, serve, type Listener } from './sockets.ts'
export {
  isAlive,
  isProcessIdentity,
  processesEndingWith,
  processIdentity,
  type ProcessIdentity,
} from './identity.ts'
