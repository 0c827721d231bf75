export { differenceOf, type LogDifference, type Pattern } from '../../crash/index.ts'
export { analyseLog, type AnalysedLog } from './analyse.ts'
export { parseLog } from './parse.ts'
