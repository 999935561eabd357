"""Ends a make run early, with one sentence, when this Python cannot carry Greenroom.

Older Pythons must be able to read this file, so it stays plain.
"""

import sys

OLDEST = (3, 11)
NEWEST = (3, 12)

if not OLDEST <= tuple(sys.version_info[:2]) <= NEWEST:
    found = ".".join(str(part) for part in sys.version_info[:2])
    sys.exit(f"Greenroom runs on Python 3.11 and 3.12; this one is {found}. Try make PYTHON=path")
