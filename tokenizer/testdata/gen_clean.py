"""Writes clean.json: captions as OpenCLIP's basic_clean (open_clip/tokenizer.py) mends them, by ftfy (6.3) and Python's html, for the
tests of package tokenizer.

    python3 gen_clean.py > clean.json
"""
import html
import html.entities
import json

import ftfy


def basic_clean(text):
    text = ftfy.fix_text(text)
    text = html.unescape(html.unescape(text))
    return text.strip()


TEXTS = [
    "a photo of a cat", " &lt;b&gt; ", "AT&amp;T", "&amp;amp;amp;amp;lt;", "&quot;x&quot; &#39;y&#39; &apos;z&apos;", "&eacute;&#233;&#xE9;&eacute", "&EACUTE; &NTILDE; &Eacute;",
    "&notit; &nope; & &;", "&#0; &#x80; &#xD800; &#x110000; &#99999999999999999999;", "&#1;&#x7f;&#x81;&#xfdd0;&#13;&#10;&#28;x", "&nGt; &nLt; &bne;", "&ampx &ltx &copyright; &timesbar; &hellip",
    "&amp;eacute; <b>", "<b>&amp;amp;eacute;</b>", "x &lt;\ny < z &amp;lt;\n&amp;amp;lt;", "it’s a ‘quoted’ “word” „low‟ ʼn", "ﬁne ﬂow ﬃ ﬅ ﬆ Ĳ ǅ ŉ", "ｆｕｌｌ　ｗｉｄｔｈ ！ ｶﾞ ￥ ﾡ ￣",
    "nul\0in bell\x07 \x1b[31mred\x1b[0m \x7f", "a\r\nb\rc\u2028d\u2029e\x85f", "\ufeffbom \u206a \ufff9x\ufffb \ufffc", "cafe\u0301 \u1100\u1161", "\x93quoted\x94 \x81 \x99", "  \u3000 spaces \u00a0 ",
    "&nbsp;x&nbsp;", "&#8217;s &rsquo;s &amp;rsquo;s", "1 &lt 2 &gt 1", "&thetasym; &Theta; &THETA;", "http://x.y/?a=1&b=2&copy=3&amp;lang=en&lang=de", "&sect;&sup2;&frac12;&FRAC12;", "😀 &#128512; &#x1F600;",
    "&zwnj;x&zwj;", "&aacut; &aacute", "&CounterClockwiseContourIntegral; &" + "a" * 40 + ";", "Σ ΑΣ İ", "&&amp;&", "&#;&#x;&#xg; &#12a", "\x1c\x1dx\x1e\x1f",
]

print(json.dumps([[t, basic_clean(t)] for t in TEXTS], indent=0))
