export type { FoundReport } from '../../crash/index.ts'
export { dmesgOf } from './dump-file.ts'
export { listCrashes, showCrash, type CrashView } from './list.ts'
export { parseLog } from './parse.ts'
