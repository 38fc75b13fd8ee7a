// One line of JSON for a question and one for its answer.
import readline from 'node:readline'

export async function answerLines(commands, explain) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { command, ...rest } = JSON.parse(line)
    let answer
    try {
      answer = await commands[command](rest)
    } catch (error) {
      answer = explain(error)
    }
    process.stdout.write(`${JSON.stringify(answer ?? {})}\n`)
  }
}
