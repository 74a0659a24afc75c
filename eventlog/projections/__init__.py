"""The built-in projections, one file each: pure folds over recorded events.

None of them opens a file, looks at a clock, or knows a backend, a path or a line.
"""
