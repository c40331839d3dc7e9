// Written by `andon init --client opencode`; a change here is lost at the next one.
// Tells `andon hook opencode EVENT` what a session does, and does as it answers: a tool is denied by an error, a turn whose
// gates are red is gone on with by a prompt. No dependencies. Whatever goes wrong in here lets the session go on: the gates
// at `andon advance` decide all the same.
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { resolve } from "node:path"

const ASKED_BEFORE = new Set(["bash", "edit", "write", "multiedit", "apply_patch", "patch"])
const BEAT_EVERY_MS = 25_000
const START_S = 30, TOOL_S = 10, STOP_S = 600
const MISSING = "There is no andon on the PATH of this session, so the work was not checked. Tell the person that it must be put there."

// Run a program with a text on its standard input: its output, or null when it failed or took too long.
function run(program, words, { cwd, env, input = "", timeoutMs }) {
  return new Promise((done) => {
    let output = ""
    try {
      const child = spawn(program, words, { cwd, env, stdio: ["pipe", "pipe", "ignore"] })
      const timer = setTimeout(() => { child.kill("SIGKILL"); done(null) }, timeoutMs)
      const end = (value) => { clearTimeout(timer); done(value) }
      child.on("error", () => end(null))
      child.on("close", (code) => end(code === 0 ? output : null))
      child.stdout.on("data", (chunk) => { output += chunk })
      child.stdin.on("error", () => {})
      child.stdin.end(input)
    } catch {
      done(null)
    }
  })
}

// Of the whole process: while a plugin is disposed of and prompts once more, opencode makes another one of the same directory.
const parents = new Map()   // session of a task's agent -> the session that began it
const state = new Map()     // session -> what is known of it
const stops = new Set()     // stops that are being answered

function rootOf(id) {
  for (let n = 0; parents.has(id) && n < 64; n++) id = parents.get(id)
  return id
}

function of(id) {
  if (!state.has(id)) state.set(id, { beat: 0, text: "", tokens: 0 })
  return state.get(id)
}

export const Andon = async ({ client, directory }) => {
  // What Andon answers: an object, {} when it has nothing to say, null when there is no Andon to answer.
  async function ask(event, id, timeoutS, more = {}) {
    const root = rootOf(id)
    const payload = { sessionID: root, directory, subagent: root !== id, tokens: of(root).tokens, ...more }
    const output = await run("andon", ["hook", "opencode", event, "--timeout", String(timeoutS)], {
      cwd: directory,
      env: { ...process.env, OPENCODE_SESSION_ID: root },
      input: JSON.stringify(payload),
      timeoutMs: timeoutS * 1000,
    })
    if (output === null) return null
    try {
      const answer = JSON.parse(output)
      if (answer && answer.notice) client.tui.showToast({ body: { message: answer.notice, variant: "info" } }).catch(() => {})
      return answer && typeof answer === "object" ? answer : {}
    } catch {
      return {}
    }
  }

  async function isClaimed() {
    const words = ["rev-parse", "--git-path", "andon-lease"]
    const path = await run("git", words, { cwd: directory, env: process.env, timeoutMs: 5000 })
    return path !== null && existsSync(resolve(directory, path.trim()))
  }

  async function stopped(id) {
    const known = of(id)
    let answer = await ask("SessionIdle", id, STOP_S, { text: known.text })
    if (answer === null && !known.said && (await isClaimed())) {
      known.said = true
      answer = { answer: "continue", reason: MISSING }
    }
    if (answer && answer.answer === "continue") {
      const { agent, model } = known
      await client.session.prompt({ path: { id }, body: { agent, model, parts: [{ type: "text", text: answer.reason }] } })
    }
  }

  function onEvent({ type, properties }) {
    const info = properties.info
    if (type === "session.created" || type === "session.updated") {
      if (info.parentID) parents.set(info.id, info.parentID)
      const count = info.tokens
      if (count) of(info.id).tokens = count.input + count.output + count.reasoning + count.cache.read + count.cache.write
    } else if (type === "session.error" && properties.sessionID) {
      // An interrupted or broken turn is not gone on with.
      of(properties.sessionID).failed = true
    } else if (type === "session.idle" && !process.env.ANDON_LAUNCHED) {
      // A worker that launched this session checks for itself after the turn, and sees and counts what it goes on with.
      const id = properties.sessionID
      const known = of(id)
      if (parents.has(id) || known.failed || known.stopping || known.agent === "plan") return
      // Its own prompt ends in the next idle, so this is over before that is answered.
      known.stopping = true
      const stop = stopped(id).catch(() => {}).finally(() => stops.delete(stop))
      stops.add(stop)
    }
  }

  return {
    event: async ({ event }) => {
      try { onEvent(event) } catch {}
    },
    "chat.message": async (input, output) => {
      try {
        const known = of(input.sessionID)
        known.failed = known.stopping = false
        known.agent = output.message.agent
        known.model = output.message.model
        if (known.greeted || parents.has(input.sessionID)) return
        known.greeted = true
        const answer = await ask("SessionStart", input.sessionID, START_S)
        const last = output.parts.at(-1)
        if (!answer || !answer.context || !last) return
        // Ids are kept in order, and this one must come last.
        const { sessionID, messageID } = last
        output.parts.push({ id: `${last.id}z`, sessionID, messageID, type: "text", text: answer.context, synthetic: true })
      } catch {}
    },
    "experimental.text.complete": async (input, output) => {
      of(input.sessionID).text = output.text
    },
    "shell.env": async (input, output) => {
      if (input.sessionID) output.env.OPENCODE_SESSION_ID = rootOf(input.sessionID)
    },
    "tool.execute.before": async (input, output) => {
      if (!ASKED_BEFORE.has(input.tool)) return
      const answer = await ask("ToolBefore", input.sessionID, TOOL_S, { tool: input.tool, args: output.args }).catch(() => null)
      if (answer && answer.answer === "deny") throw new Error(answer.reason)
    },
    "tool.execute.after": async (input, output) => {
      try {
        const known = of(rootOf(input.sessionID))
        if (Date.now() - known.beat < BEAT_EVERY_MS) return
        known.beat = Date.now()
        const answer = await ask("ToolAfter", input.sessionID, TOOL_S, { tool: input.tool, args: {} })
        if (answer && answer.context && typeof output.output === "string") output.output += `\n\n${answer.context}`
      } catch {}
    },
    // `opencode run` waits for this before it ends.
    dispose: async () => {
      while (stops.size) await Promise.allSettled([...stops])
    },
  }
}
