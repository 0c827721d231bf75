import { machineFor, openLab, runInVm } from './src/lab/index.ts'
const lab = await openLab({ cwd: '/tmp', env: process.env, uid: 0 })
await runInVm(lab, { choice: { tree: '/root/.cache/klab-test/sources/linux-source-6.1', options: [], configFiles: [] }, machine: machineFor(lab.config, undefined, {}), argv:['true'], user:'root', env:[], allowReports:[], graceMs:0, agentPath:'/tmp/agent-t'}, {stdout:()=>{},stderr:()=>{}}, {onSignal:()=>{}, stop:new AbortController().signal}, (e)=>{ if(e.kind==='phase'||e.kind==='note') console.log(JSON.stringify(e)) })
