export { Store, type NewRun, type RunFilter, type RunRow, type StoredReport } from './store.ts'
