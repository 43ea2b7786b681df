"""Markdown of an author to markup: headings, paragraphs, lists, emphasis, code, links, tables not.

Everything is escaped first; only what is listed above becomes a tag, and a link leads to http,
https or beside the page. HTML in the source is shown as text.
"""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*$")
_BULLET = re.compile(r"\s*[-*+]\s+(.*)$")
_NUMBER = re.compile(r"\s*\d{1,9}[.)]\s+(.*)$")
_RULE = re.compile(r"\s*([-*_])(\s*\1){2,}\s*$")
_CODE = re.compile(r"(`+)(.+?)\1")
_LINK = re.compile(r"\[([^\[\]]{1,300})\]\(([^()\s]{1,2000})\)")
_SAFE = re.compile(r"(https?://|#|\./|\.\./|[A-Za-z0-9_][A-Za-z0-9_./%-]*(?:[?#]|$))")
_STRONG = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_EMPHASIS = re.compile(r"(?<![\w*])[*_](?=[^\s*_])(.+?)(?<=[^\s*_])[*_](?![\w*])")


def markdown(source: str, *, shift: int = 1) -> Markup:
    """The markup of `source`; its `#` becomes `<h2>` when `shift` is 1 (a page has one `<h1>`).

    >>> markdown("Moved **a lot**, see [docs](https://example.org).")
    Markup('<p>Moved <strong>a lot</strong>, see <a href="https://example.org" ...>docs</a>.</p>')
    >>> markdown("<script>alert(1)</script>")
    Markup('<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>')
    """
    lines = source.replace("\r\n", "\n").split("\n")
    blocks: list[Markup] = []
    at = 0
    while at < len(lines):
        at, block = _block(lines, at, shift)
        if block:
            blocks.append(block)
    return Markup("\n").join(blocks)


def first_heading(source: str) -> tuple[str, str]:
    """The text of a `# heading` on the first line that is not empty, and the rest of the source.

    >>> first_heading("# Weekly *drift*\\n\\nWhat moved?")
    ('Weekly drift', 'What moved?')
    >>> first_heading("What moved?")
    ('', 'What moved?')
    """
    head, _, rest = source.strip().partition("\n")
    match = _HEADING.match(head)
    if match is None or len(match[1]) != 1:
        return "", source
    return str(_inline(match[2]).striptags().strip()), rest.strip()


def _block(lines: list[str], at: int, shift: int) -> tuple[int, Markup | None]:
    line = lines[at]
    if not line.strip():
        return at + 1, None
    if line.lstrip().startswith("```"):
        return _fence(lines, at)
    if (match := _HEADING.match(line)) is not None:
        level = min(len(match[1]) + shift, 6)
        return at + 1, Markup("<h{0}>{1}</h{0}>").format(level, _inline(match[2]))
    if _RULE.match(line):
        return at + 1, Markup("<hr>")
    if _BULLET.match(line):
        return _items(lines, at, _BULLET, "ul")
    if _NUMBER.match(line):
        return _items(lines, at, _NUMBER, "ol")
    if line.lstrip().startswith(">"):
        return _quote(lines, at, shift)
    end = at + 1
    while end < len(lines) and lines[end].strip() and not _opens(lines[end]):
        end += 1
    return end, Markup("<p>{}</p>").format(_inline("\n".join(lines[at:end]).strip()))


def _opens(line: str) -> bool:
    stripped = line.lstrip()
    return (
        stripped.startswith(("```", ">"))
        or _HEADING.match(line) is not None
        or _BULLET.match(line) is not None
        or _NUMBER.match(line) is not None
    )


def _fence(lines: list[str], at: int) -> tuple[int, Markup]:
    end = at + 1
    while end < len(lines) and not lines[end].lstrip().startswith("```"):
        end += 1
    code = "\n".join(lines[at + 1 : end])
    return end + 1, Markup("<pre><code>{}</code></pre>").format(code)


def _quote(lines: list[str], at: int, shift: int) -> tuple[int, Markup]:
    end = at
    while end < len(lines) and lines[end].lstrip().startswith(">"):
        end += 1
    # All marks at once: a wall of ">" is one quotation, not a deep recursion.
    inner = "\n".join(line.lstrip(" \t>").rstrip() for line in lines[at:end])
    return end, Markup("<blockquote>{}</blockquote>").format(markdown(inner, shift=shift))


def _items(lines: list[str], at: int, mark: re.Pattern[str], tag: str) -> tuple[int, Markup]:
    items: list[str] = []
    while at < len(lines):
        match = mark.match(lines[at])
        if match is not None:
            items.append(match[1])
        elif lines[at].strip() and lines[at][:1].isspace() and items:
            items[-1] += "\n" + lines[at].strip()
        else:
            break
        at += 1
    body = Markup("").join(Markup("<li>{}</li>").format(_inline(item)) for item in items)
    return at, Markup("<{0}>{1}</{0}>").format(tag, body)


def _inline(text: str) -> Markup:
    """Code and links are taken out first, so that nothing inside them is read again."""
    kept: list[Markup] = []

    def keep(markup: Markup) -> str:
        kept.append(markup)
        return f"\x00{len(kept) - 1}\x00"

    def link(match: re.Match[str]) -> str:
        if _SAFE.match(match[2]) is None:
            return match[0]
        shape = Markup('<a href="{}" rel="noreferrer noopener">{}</a>')
        return keep(shape.format(match[2], _emphasis(match[1])))

    text = text.replace("\x00", "")
    text = _CODE.sub(lambda m: keep(Markup("<code>{}</code>").format(m[2].strip())), text)
    marked = str(_emphasis(_LINK.sub(link, text)))
    while "\x00" in marked:  # code inside a link's text
        marked = re.sub("\x00(\\d+)\x00", lambda m: str(kept[int(m[1])]), marked)
    return Markup(marked)  # noqa: S704  escaped in _emphasis, tags are ours


def _emphasis(text: str) -> Markup:
    escaped = str(escape(text))
    escaped = _STRONG.sub(r"<strong>\1</strong>", escaped)
    escaped = _EMPHASIS.sub(r"<em>\1</em>", escaped)
    return Markup(escaped)  # noqa: S704  escaped two lines above
