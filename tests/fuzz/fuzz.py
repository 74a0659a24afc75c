"""Search for bytes that break a target, guided by the code that they reach. Run by `make fuzz`.

    fuzz.py lines|repair [SECONDS] [options of libFuzzer]

It starts from tests/fuzz/corpus/ and keeps what it learns in build/fuzz/; whatever breaks a target is
left there as crash-*, to be mended and then added to the corpus under a name that says what it was.
"""

import random
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["eventlog"]):
    import eventlog.repair  # noqa: F401 - so that all of it is instrumented
    from tests.fuzz.mutating import mutate
    from tests.fuzz.targets import TARGETS

HERE = Path(__file__).parent
LONGEST = 16 * 1024


def mutate_some(data: bytes, longest: int, seed: int) -> bytes:
    """Change a log as a log, or now and then as any bytes."""
    if seed % 8 == 0:
        changed: bytes = atheris.Mutate(data, longest)
        return changed
    return mutate(data, random.Random(seed))[:longest]


def main(target: str, seconds: str = "60", *options: str) -> None:
    learnt = HERE.parents[1] / "build" / "fuzz" / target
    learnt.mkdir(parents=True, exist_ok=True)
    words = [
        sys.argv[0], f"-max_total_time={seconds}", f"-max_len={LONGEST}",
        f"-artifact_prefix={learnt.parent}/", *options, str(learnt), str(HERE / "corpus"),
    ]  # fmt: skip
    atheris.Setup(words, TARGETS[target], custom_mutator=mutate_some)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
