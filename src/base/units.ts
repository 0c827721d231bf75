const DURATIONS_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const SIZES: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }

/** `90`, `90s`, `1.5m`, `250ms`, `2h` as milliseconds; a bare number is seconds. Undefined if it is none of these. */
export function parseDurationMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/.exec(text.trim())
  if (!match) return undefined
  return Math.round(Number(match[1]) * (DURATIONS_MS[match[2] ?? 's'] ?? 1000))
}

/** `512M`, `2G`, `1.5GiB` as bytes; a bare number is bytes. Undefined if it is none of these. */
export function parseSizeBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim())
  if (!match) return undefined
  return Math.round(Number(match[1]) * (SIZES[(match[2] ?? '').toUpperCase()] ?? 1))
}

/** A memory size as whole MiB; a bare number is MiB already, as in QEMU's `-m`. */
export function parseSizeMiB(text: string): number | undefined {
  if (/^\d+$/.test(text.trim())) return Number(text)
  const bytes = parseSizeBytes(text)
  return bytes === undefined ? undefined : Math.floor(bytes / 2 ** 20)
}

/** 1536 -> `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** 90_500 -> `1m30s`, 1_234 -> `1.23s`, 12 -> `12ms`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)}s`
  const seconds = Math.round(ms / 1000)
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)]
  if (hours > 0) return `${hours}h${String(minutes).padStart(2, '0')}m`
  return `${minutes}m${String(seconds % 60).padStart(2, '0')}s`
}
