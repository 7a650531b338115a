// Answers as encode.py does, by the npm package tokenizers; tokenizers without tokenizer.json are not known
// to it.
const { Tokenizer } = require('tokenizers'), fs = require('fs'), readline = require('readline')

const opened = {}

function open(dir) {
  if (!opened[dir]) {
    opened[dir] = Tokenizer.fromString(fs.readFileSync(dir + '/tokenizer.json', 'utf8'))
    opened[dir].disablePadding()
  }
  return opened[dir]
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let answer
    try {
      const q = JSON.parse(line), t = open(q.dir)
      const strategy = { longest_first: 'LongestFirst', only_first: 'OnlyFirst', only_second: 'OnlySecond' }[q.cut]
      if (q.max) t.setTruncation(q.max, { strategy, direction: q.side })
      else t.disableTruncation()
      const e = await t.encode(q.texts[0], q.texts[1] ?? null, { addSpecialTokens: q.special })
      answer = [e.getIds(), e.getTypeIds()]
    } catch (e) {
      answer = String(e)
    }
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
}
main()
