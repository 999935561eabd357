"""Writes the text of the pipe file, readable and compressed, out of the packages.

The file is `bridge/owui/function.py` with something in the place of its import of the loader:
`bridge/owui/loader.py` as it stands, then the hash of the build and the sources of all modules.
Same sources, same bytes.
"""

from __future__ import annotations

import ast
import hashlib
import json
import lzma
from base64 import b85encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.onefile.reach import SourceModule, modules_reached
from bridge.onefile.refusal import BuildRefused
from bridge.onefile.slim import slim

ENTRY = "bridge.owui.pipe"
LOADER = "bridge.owui.loader"

READABLE_MAX_BYTES = 2_000_000
COMPRESSED_MAX_BYTES = 320_000

# Open WebUI replaces these in the whole text of a function, strings and comments included.
REWRITTEN_PHRASES = ("from utils", "from apps", "from main", "from config")

HASH_DIGITS = 12
PAYLOAD_COLUMNS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PipeFiles:
    """One build: the same modules, spelled twice. `paths` are those of the modules inside."""

    build: str
    paths: tuple[str, ...]
    readable: bytes
    compressed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What surrounds the modules: text before and after them, as lines."""

    before: str
    after: str


def build_pipe(root: Path, front: Path | None = None) -> PipeFiles:
    """Build both files.

    Args:
        root: the folder that holds `actors`, `supervisor` and `bridge`.
        front: the folder of `function.py` and `loader.py`; by default the one inside `root`.

    Raises:
        BuildRefused: a phrase that Open WebUI would rewrite, a module that cannot or must not
            be inside, or a file over its limit.
    """
    folder = front or root / "bridge" / "owui"
    function, loader = (
        SourceModule(
            name=f"bridge.owui.{stem}",
            path=f"bridge/owui/{stem}.py",
            source=(folder / f"{stem}.py").read_text(encoding="utf-8"),
        )
        for stem in ("function", "loader")
    )
    modules = modules_reached(root, ENTRY)
    refuse_phrases([function, loader, *modules])
    build = content_hash([function, loader, *modules])
    around = front_of(function, loader)
    files = PipeFiles(
        build=build,
        paths=tuple(module.path for module in modules),
        readable=assembled(around, build, readable_sources(modules)),
        compressed=assembled(around, build, compressed_sources(modules)),
    )
    refuse_size("The readable file", files.readable, READABLE_MAX_BYTES)
    refuse_size("The compressed file", files.compressed, COMPRESSED_MAX_BYTES)
    return files


def content_hash(modules: Sequence[SourceModule]) -> str:
    """Name a build after everything that is in it."""
    digest = hashlib.sha256()
    for module in modules:
        for text in (module.path, module.source):
            content = text.encode()
            digest.update(b"%d:" % len(content) + content)
    return digest.hexdigest()[:HASH_DIGITS]


def front_of(function: SourceModule, loader: SourceModule) -> Front:
    """Cut `function.py` at its import of the loader and put the loader there."""
    body = ast.parse(function.source, function.path).body
    cut = [node for node in body if isinstance(node, ast.ImportFrom) and node.module == LOADER]
    if len(cut) != 1:
        raise BuildRefused(f"{function.path}: needs one import of {LOADER}, has {len(cut)}")
    lines = function.source.splitlines(keepends=True)
    head, tail = lines[: cut[0].lineno - 1], lines[cut[0].end_lineno :]
    return Front(before="".join(head) + without_future(loader), after="".join(tail))


def without_future(module: SourceModule) -> str:
    """Drop `from __future__` lines: they may only stand at the top, where one already is."""
    lines = module.source.splitlines(keepends=True)
    for node in reversed(ast.parse(module.source, module.path).body):
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            del lines[node.lineno - 1 : node.end_lineno]
    return "".join(lines)


def readable_sources(modules: Sequence[SourceModule]) -> str:
    """Spell the modules as text that reads as it does in the repository."""
    entries = (f"    {module.path!r}: {verbatim(module)},\n" for module in modules)
    return "{\n" + "".join(entries) + "}"


def verbatim(module: SourceModule) -> str:
    """Quote a source without changing a character of it."""
    literal = f"r'''{module.source}'''"
    try:
        is_same = ast.literal_eval(literal) == module.source
    except (SyntaxError, ValueError):
        is_same = False
    if not is_same:
        raise BuildRefused(f"{module.path}: holds ''' and cannot be quoted; write it differently")
    return literal


def compressed_sources(modules: Sequence[SourceModule]) -> str:
    """Spell the modules as one compressed text; the loader's `unpacked` reads it."""
    text = json.dumps({module.path: slim(module.source) for module in modules}, ensure_ascii=False)
    packed = b85encode(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)).decode()
    starts = range(0, len(packed), PAYLOAD_COLUMNS)
    lines = "\n".join(packed[start : start + PAYLOAD_COLUMNS] for start in starts)
    return f'unpacked(b"""\n{lines}\n""")'


def assembled(around: Front, build: str, sources: str) -> bytes:
    """Put one file together and look at it the way Open WebUI will."""
    text = f'{around.before}\n\nBUILD = "{build}"\nSOURCES = {sources}\n{around.after}'
    if not text.startswith('"""\n'):
        raise BuildRefused('The front matter must start with a line that is exactly """')
    built = SourceModule(name="greenroom_pipe", path="the built file", source=text)
    refuse_phrases([built])
    compile(text, built.path, "exec", dont_inherit=True)
    return text.encode()


def refuse_phrases(modules: Sequence[SourceModule]) -> None:
    """Refuse what Open WebUI would rewrite, naming every place at once."""
    places = [place for module in modules for place in rewritten_places(module)]
    if places:
        raise BuildRefused("Open WebUI would rewrite this text:\n" + "\n".join(places))


def rewritten_places(module: SourceModule) -> Iterator[str]:
    """Name the lines that hold one of the phrases."""
    for number, line in enumerate(module.source.splitlines(), start=1):
        for phrase in REWRITTEN_PHRASES:
            if phrase in line:
                yield f"{module.path}, line {number}: {phrase!r}"


def refuse_size(what: str, content: bytes, max_bytes: int) -> None:
    """Refuse a file that is too long to paste."""
    if len(content) >= max_bytes:
        raise BuildRefused(
            f"{what} would have {len(content):,} bytes; it must stay under {max_bytes:,}"
        )
