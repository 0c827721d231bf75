import { expect, test } from 'vitest'

import { findUser } from './guest-user.ts'
import { ownAccount } from './own-account.ts'

test('a user is found by name and by number, ourselves without any account', () => {
  const root = { ids: { uid: 0, gid: 0 }, name: 'root', home: '/root' }
  expect(findUser('root', {})).toMatchObject(root)
  expect(findUser('0', {})).toMatchObject(root)
  const { uid } = ownAccount()
  expect(findUser(String(uid), { HOME: '/h' }).ids.uid).toBe(uid)
})

test.each(['no-such-user', '4000000000', '--help'])('%s is nobody here', (who) => {
  expect(() => findUser(who, {})).toThrow(`there is no user ${who} on this machine`)
})
