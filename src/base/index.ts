export {
  ConfigError,
  InfraError,
  Interrupted,
  interruptOf,
  KlabError,
  UsageError,
  messageOf,
} from './errors.ts'
export { bytesOf, cutOff, FormatError, sane, type Bytes } from './bytes.ts'
export {
  elfBuildId,
  elfHasDwarf,
  elfHeader,
  elfNotes,
  elfSection,
  elfSegments,
  ET_CORE,
  isElf,
  PT_LOAD,
  PT_NOTE,
} from './elf.ts'
export { decodeJson, hasFields, isListOf, isRecord, isStringList, tryDecodeJson } from './decode.ts'
export { nearest } from './nearest.ts'
export { newId } from './ids.ts'
export { Deadline } from './deadline.ts'
export { WakingClock } from './waking-clock.ts'
export {
  formatBytes,
  formatDuration,
  parseDurationMs,
  parseSizeBytes,
  parseSizeMiB,
} from './units.ts'
export { packagePath } from './package-path.ts'
export { shellWord } from './shell-word.ts'
export { block, field, joined, json, shown, type Showable, type Shown } from './shown.ts'
export { isNoRoom, systemProblem } from './system-error.ts'
export { unreachable } from './unreachable.ts'
