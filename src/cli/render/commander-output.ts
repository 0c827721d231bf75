import type { OutputConfiguration } from 'commander'

import { block, shown } from '../../base/index.ts'
import { err, out } from './print.ts'

/** commander's help and its complaints, in which a user's own words are, as all that klab has to say. */
export const commanderOutput: OutputConfiguration = {
  writeOut: (text) => out.part(block(text)),
  writeErr: (text) => err.part(block(text)),
  outputError: (text) => {
    const [, sentence = text, hint = ''] = COMPLAINT.exec(text) ?? []
    err.line(shown`klab: ${sentence}${hint === '' ? shown`` : shown`\n${hint}`}`)
  },
}

/** A sentence, and perhaps what else may have been meant. */
const COMPLAINT = /^error: (.*?)(?:\n(\(Did you mean [^\n]*\?\)))?\n$/s
