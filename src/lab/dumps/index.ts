export { dmesgOf } from './dump-file.ts'
export { DUMP_TOOLS, openWith } from './dump-tools.ts'
export { inspectDump, type Inspection } from './inspect.ts'
