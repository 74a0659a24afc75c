"""Failures of the contract suite, which is no test file itself, show their values too."""

import pytest

pytest.register_assert_rewrite("eventlog.testing")
