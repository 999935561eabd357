"""Loads the modules that travel inside the pipe file, under a private name of their own.

The build puts this file, unchanged, near the top of the pipe file. It imports nothing of ours:
at that moment there is nothing of ours to import.

One build is one package, `_greenroom_<hash>`, and its modules keep their places below it:
`_greenroom_<hash>.actors.kernel.actor`. So several builds live side by side in one process, and
no `actors`, `supervisor` or `bridge` of ours meets a package of that name which the server has.

How imports find the private copies. The sources are not rewritten. Each module gets builtins
whose `__import__` puts the private name before `actors`, `supervisor` and `bridge` and leaves all
else alone; what follows is the import machinery of Python, fed by a finder for the private names.
Rewriting the import statements instead would have to invent code for `import actors.kernel`,
which binds `actors`. And everything that looks a class up by its module (dataclasses, pickle,
`get_type_hints`, pydantic, msgspec) finds it, as `__name__` and `sys.modules` tell the truth.
"""

from __future__ import annotations

import builtins
import importlib
import json
import linecache
import sys
import threading
import typing
from base64 import b85decode
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Protocol, cast

# What they are in the repository. The pipe file states both again, below the loader.
BUILD = "source"
SOURCES: Mapping[str, str] = {}

OUR_PACKAGES = frozenset({"actors", "supervisor", "bridge"})
DOOR = "bridge.owui.pipe"
BUILDS_NAME = "_greenroom_builds"


class PackageUnusable(Exception):
    """A package that the pipe needs cannot be imported on this server.

    `is_missing` is False when it is there but does not fit, as an old version would not.
    """

    def __init__(self, package: str, *, is_missing: bool) -> None:
        self.package = package
        self.is_missing = is_missing
        super().__init__(package)


class DoorModule(Protocol):
    """What `bridge.owui.pipe` offers to the file that loads it."""

    def pipe_class(
        self, function_id: str, build: str, release: Callable[[str], None] | None
    ) -> type:
        """Make the class `Pipe` of one function.

        `release` is to be called with the build's hash when a newer build has taken over and
        everything of this one has stopped.
        """


class EmbeddedModules(MetaPathFinder, InspectLoader):
    """The modules of one build: finds, compiles and forgets them.

    `sources` holds their text by path (`actors/kernel/actor.py`). `holders` are the ids of the
    functions that use the build.
    """

    def __init__(self, build: str, sources: Mapping[str, str]) -> None:
        self.package = f"_greenroom_{build}"
        self.holders: set[str] = set()
        self._origin = f"<greenroom {build}>/"
        self._sources = {"__init__.py": "", **sources}
        self._builtins = {**vars(builtins), "__import__": self._import}

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Answer for private names only."""
        place = self._place(fullname)
        if place is None:
            return None
        spec = ModuleSpec(
            fullname, self, origin=self._origin + place, is_package=place.endswith("__init__.py")
        )
        spec.has_location = True  # Sets `__file__`, without which `inspect` finds no source.
        return spec

    def get_source(self, fullname: str) -> str:
        """Give the text of a module; tracebacks and `inspect` come here for it."""
        place = self._place(fullname)
        if place is None:
            raise ImportError(f"{fullname} is not in this build", name=fullname)
        return self._sources[place]

    def exec_module(self, module: ModuleType) -> None:
        """Compile and run one module.

        Open WebUI's own compiler flags must not leak in, and assertions stay on whatever flags
        the server was started with.
        """
        source, namespace = self.get_source(module.__name__), vars(module)
        filename = cast(str, module.__file__)
        namespace["__builtins__"] = self._builtins
        linecache.lazycache(filename, namespace)
        exec(compile(source, filename, "exec", dont_inherit=True, optimize=0), namespace)  # noqa: S102 - this is what a loader does

    def is_package(self, fullname: str) -> bool:
        """Tell packages from plain modules."""
        return (self._place(fullname) or "").endswith("__init__.py")

    def open(self) -> None:
        """Let imports find the modules."""
        if self not in sys.meta_path:
            sys.meta_path.append(self)

    def close(self) -> None:
        """Take everything out of the process again; what still runs may finish."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        overloads: dict[str, object] = vars(typing).get("_overload_registry", {})
        for known in (sys.modules, overloads):
            for name in [name for name in known if name.partition(".")[0] == self.package]:
                del known[name]
        # `ActorRef[Any]` and its like: as an entry here, a class keeps its whole build in memory.
        for clear in vars(typing).get("_cleanups", ()):
            clear()
        for filename in list(linecache.cache):
            if filename.startswith(self._origin):
                del linecache.cache[filename]

    def _place(self, fullname: str) -> str | None:
        root, _, rest = fullname.partition(".")
        if root != self.package:
            return None
        stem = rest.replace(".", "/")
        places = (f"{stem}/__init__.py".removeprefix("/"), f"{stem}.py")
        return next((place for place in places if place in self._sources), None)

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 - Python's own signature
        locals: Mapping[str, object] | None = None,  # noqa: A002 - Python's own signature
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        first = name.partition(".")[0]
        if level or first not in OUR_PACKAGES:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        found = builtins.__import__(f"{self.package}.{name}", globals, locals, fromlist or (), 0)
        # `import actors.kernel` binds `actors`, and Python would hand out what is above it.
        return found if fromlist else sys.modules[f"{self.package}.{first}"]


class Builds(Protocol):
    """All builds in this process; it stands in `sys.modules`, as no single build may own it.

    `newest` is the build that each function id was loaded from last, `loaded` are the modules
    by build. Another version of this file may have made it, and another may still read it.
    """

    lock: threading.Lock
    newest: dict[str, str]
    loaded: dict[str, EmbeddedModules]


def builds_here() -> Builds:
    """Give the one table of this process."""
    # No class of ours: it would keep the build that happened to come first in memory for ever.
    fresh = ModuleType(BUILDS_NAME)
    vars(fresh).update(lock=threading.Lock(), newest={}, loaded={})
    return cast(Builds, sys.modules.setdefault(BUILDS_NAME, fresh))


def load_pipe(function_id: str, build: str, sources: Mapping[str, str]) -> type:
    """Load a build for one function and make its class `Pipe`.

    Loading the same build again costs nothing: Open WebUI 0.6.28 runs the file twice per update.

    Args:
        function_id: the id that the function has in Open WebUI.
        build: the hash of the build.
        sources: its modules, text by path. Empty: the packages of the repository are used.

    Raises:
        PackageUnusable: a package from outside is missing or does not fit.
    """
    if not sources:
        return _pipe_class(DOOR, function_id, build, None)
    with ExitStack() as undo:
        package = _hold(function_id, build, sources, undo)
        made = _pipe_class(f"{package}.{DOOR}", function_id, build, partial(release, function_id))
        undo.pop_all()
    return made


def release(function_id: str, build: str) -> None:
    """Forget a build that one function no longer runs on.

    The modules go when no function holds them. A call for the build that the function was loaded
    from last does nothing: somebody went back to it while its first run was still stopping.
    """
    builds = builds_here()
    with builds.lock:
        modules = builds.loaded.get(build)
        if modules is None or builds.newest.get(function_id) == build:
            return
        modules.holders.discard(function_id)
        if not modules.holders:
            del builds.loaded[build]
            modules.close()


def unpacked(packed: bytes) -> Mapping[str, str]:
    """Read the sources out of a compressed build."""
    # Not at the top: a Python that was built without lzma can still run the readable file.
    import lzma  # noqa: PLC0415

    text = lzma.decompress(b85decode(packed.translate(None, b"\n")))
    return cast(dict[str, str], json.loads(text))


def _hold(function_id: str, build: str, sources: Mapping[str, str], undo: ExitStack) -> str:
    builds = builds_here()
    with builds.lock:
        undo.callback(_step_back, function_id, build, builds.newest.get(function_id))
        modules = builds.loaded.get(build)
        if modules is None:
            modules = builds.loaded[build] = EmbeddedModules(build, sources)
            modules.open()
        builds.newest[function_id] = build
        modules.holders.add(function_id)
        return modules.package


def _step_back(function_id: str, build: str, before: str | None) -> None:
    builds = builds_here()
    with builds.lock:
        builds.newest.pop(function_id, None)
        if before is not None:
            builds.newest[function_id] = before
    release(function_id, build)


def _pipe_class(
    door: str, function_id: str, build: str, release_build: Callable[[str], None] | None
) -> type:
    try:
        module = cast(DoorModule, importlib.import_module(door))
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        if not package or package in OUR_PACKAGES or package == door.partition(".")[0]:
            raise  # A bug of ours, and no advice to an admin would help.
        is_missing = isinstance(error, ModuleNotFoundError) and error.name == package
        raise PackageUnusable(package, is_missing=is_missing) from error
    return module.pipe_class(function_id, build, release_build)
