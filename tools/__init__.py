"""The command line: one file for each command, named in main.py.

A command reads its options, calls the library and prints; it knows no line, no file of the log and
no provider's API. Installed as `eventlog.tools`.
"""
