export { differenceOf, type LogDifference, type Pattern } from '../../crash/index.ts'
export { analyseLog, type AnalysedLog } from './analyse.ts'
export { consolePathOf, isFileName, memoryLogOf, namedLog } from './named-log.ts'
export { parseLog } from './parse.ts'
