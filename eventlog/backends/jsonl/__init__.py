"""Sessions as JSONL files.

files.py alone calls the file system, reader.py alone cuts bytes into lines, lock.py alone waits,
writer.py alone appends. Nothing in this folder parses a line or knows an event.
"""

from .backend import JsonlBackend

__all__ = ["JsonlBackend"]
