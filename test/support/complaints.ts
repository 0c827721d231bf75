import { readdirSync, readFileSync } from 'node:fs'

import { expandTraces } from './traces.ts'

/** A complaint as the kernel prints it, or what looks like one and is none. */
export interface Complaint {
  /** The file of the kernel and the function that prints it. */
  readonly printedBy: string
  /** Undefined when it is no complaint. */
  readonly title: string | undefined
  readonly isDamaged: boolean
  /** The versions that say it so; why it is none. */
  readonly remark: string
  readonly lines: readonly string[]
}

const FOLDER = 'test/complaints'

/** The complaints of test/complaints, by file. In one, `## FILE: FUNCTION()` is who prints those below; each begins with `@ TITLE | VERSIONS` or `@ none | WHY`; `%trace f g` is a trace. */
export function complaints(): { readonly area: string; readonly all: readonly Complaint[] }[] {
  return readdirSync(FOLDER).map((file) => ({
    area: file.replace('.txt', ''),
    all: read(readFileSync(`${FOLDER}/${file}`, 'utf8')),
  }))
}

function read(text: string): Complaint[] {
  return text.split(/^## /m).flatMap((part) => {
    const [printedBy = '', ...rest] = part.split('\n')
    return rest
      .join('\n')
      .split(/^@ /m)
      .slice(1)
      .map((one) => complaintOf(printedBy, one))
  })
}

function complaintOf(printedBy: string, text: string): Complaint {
  const [head = '', ...lines] = text.trimEnd().split('\n')
  const bar = head.lastIndexOf(' | ')
  const title = head.slice(0, bar)
  return {
    printedBy,
    title: title === 'none' ? undefined : title,
    remark: head.slice(bar + 3),
    isDamaged: head.slice(bar + 3).startsWith('damaged: '),
    lines: lines.flatMap(expandTraces),
  }
}
