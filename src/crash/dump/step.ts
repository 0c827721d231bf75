import type { Registers } from './registers.ts'

/** What is known where a stack is looked at. */
export type StackState = Pick<Registers, 'pc' | 'sp' | 'fp'> & {
  /** At a trap. */
  readonly others?: Registers['others']
  readonly isReturn: boolean
}

/** From a function to its caller; undefined at the end of a stack. Throws DumpError where there is no stack. */
export type Step = (state: StackState) => StackState | undefined
