export {
  ConfigError,
  InfraError,
  Interrupted,
  interruptOf,
  KlabError,
  UsageError,
  messageOf,
} from './errors.ts'
export { decodeJson, isRecord, isStringList, tryDecodeJson } from './decode.ts'
export { nearest } from './nearest.ts'
export { newId } from './ids.ts'
export { Deadline } from './deadline.ts'
export {
  formatBytes,
  formatDuration,
  parseDurationMs,
  parseSizeBytes,
  parseSizeMiB,
} from './units.ts'
export { shellWord } from './shell-word.ts'
export { unreachable } from './unreachable.ts'
