"""The project works anywhere, so no file names the machine or the mirror it was made with."""

import re

from tests.tidy.house import all_files, name_of

# Put together here, or this file would be the first one caught.
HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))]
FOLDERS = ("root", "work", "home", "Users", "opt", "mnt", "srv")
TRACES = re.compile(
    "|".join(
        [*map(re.escape, HOSTS), rf"(?<![\w.~-])/(?:{'|'.join(FOLDERS)})/\w", r"[A-Z]:\\+Users"]
    )
)
RECORDED = "../" + "shared"
MAY_NAME_RECORDED = ".ci/run"


def test_no_file_names_a_package_registry_or_a_folder_of_one_machine() -> None:
    found = [
        f"{name_of(path)}: {match.group()}"
        for path in all_files()
        if (match := TRACES.search(path.read_text(encoding="utf-8", errors="replace")))
    ]
    assert found == []


def test_only_the_ci_script_knows_where_recorded_streams_lie() -> None:
    found = [
        name_of(path)
        for path in all_files()
        if RECORDED in path.read_text(encoding="utf-8", errors="replace")
    ]
    assert found in ([], [MAY_NAME_RECORDED])
