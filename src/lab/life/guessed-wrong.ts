/** The kernel that was guessed is not the one that was asked for. */
export class GuessedWrong extends Error {
  constructor() {
    super('another kernel was asked for')
  }
}
