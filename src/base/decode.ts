import { InfraError, messageOf } from './errors.ts'

interface Decoding<T> {
  /** Whose text it is, for the reader: `the record /…/x.json`. */
  readonly what: string
  /** Whether a value is what it must be. Written by hand: a schema library takes 20 ms to load. */
  readonly check: (value: unknown) => value is T
}

/** JSON that came from outside, our own files included. Throws InfraError when it is not what it must be. */
export function decodeJson<T>(text: string, { what, check }: Decoding<T>): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new InfraError('DAMAGED', `${what} is damaged: ${messageOf(error)}`, { cause: error })
  }
  if (check(value)) return value
  throw new InfraError('DAMAGED', `${what} is damaged: it holds something else than it should`)
}

/** As decodeJson, for what can be done without: undefined for what is damaged. */
export function tryDecodeJson<T>(text: string, check: Decoding<T>['check']): T | undefined {
  try {
    return decodeJson(text, { what: '', check })
  } catch {
    return undefined
  }
}

/** Whether a value is an object with names; what they hold is not known. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What a field may hold, as far as a guard looks. */
type FieldType = 'string' | 'number' | 'boolean' | 'object' | 'list'

/** Whether a value is an object with fields of these types. */
export function hasFields(
  value: unknown,
  fields: Readonly<Record<string, FieldType>>,
): value is Record<string, unknown> {
  return (
    isRecord(value) && Object.entries(fields).every(([name, type]) => isOfType(value[name], type))
  )
}

function isOfType(value: unknown, type: FieldType): boolean {
  if (type === 'object') return isRecord(value)
  return type === 'list' ? Array.isArray(value) : typeof value === type
}

/** Whether a value is a list of what another guard takes. */
export function isListOf<T>(
  value: unknown,
  isItem: (item: unknown) => item is T,
): value is readonly T[] {
  return Array.isArray(value) && value.every((item) => isItem(item))
}

/** Whether a value is a list of strings. */
export function isStringList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
