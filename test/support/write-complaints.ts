import { writeFileSync } from 'node:fs'

import { complaintsPage } from './complaints-page.ts'

writeFileSync('docs/complaints.md', complaintsPage())
