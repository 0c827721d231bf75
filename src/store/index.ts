export {
  Store,
  type NewRun,
  type RunFilter,
  type RunRow,
  type CrashRow,
  type StoredReport,
} from './store.ts'
