"""A package, so that `tests.…` means this folder and not a `tests` some wheel left in site-packages."""
