"""A whole `edgecsi compress` in seconds: every stage is real, over a random backbone and a few users."""

from pathlib import Path

from command_line import Done, edgecsi

TARGETS = ("trt-fp16", "ort-fp32", "openvino-fp32")
SETTINGS = {
    "data.users": 24,
    "data.users_per_drop": 3,
    "teacher.max_users": 4,
    "teacher.epochs": 2,
    "student.max_users": 4,
    "student.epochs": 2,
}


def arguments(out: Path, *more: object, targets: tuple[str, ...] = TARGETS, **changes: int) -> list[str]:
    """The command line without `edgecsi`; changes: settings with `__` for the dot."""
    settings = {**SETTINGS, **{name.replace("__", "."): value for name, value in changes.items()}}
    return [
        "compress",
        *(word for name in targets for word in ("--target", name)),
        *("--profile", "quick", "--backbone", "random", "-o", str(out)),
        *(word for name, value in settings.items() for word in ("--set", f"{name}={value}")),
        *map(str, more),
    ]


def shrinking(command: list[str]) -> list[str]:
    """What makes a `compress` command line tiny, given what it takes from the user and what it makes."""
    trains = not {"--student", "--teacher"} & set(command) and "quick" in command
    distils = trains or ("--teacher" in command and "--student" not in command)
    makes = {"data": "--data" not in command, "teacher": trains, "student": distils}
    settings = (f"{name}={value}" for name, value in SETTINGS.items() if makes[name.partition(".")[0]])
    backbone = ["--backbone", "random"] if trains else []
    # What is trained so shortly is held to nothing but its own engine.
    free = ("--max-teacher-loss-db", "null", "--max-baseline-loss-db", "null") if distils else ()
    return [*backbone, *free, *(word for setting in settings for word in ("--set", setting))]


def run(out: Path, *more: object, **options: object) -> Done:
    """Run it in this process; options as :func:`arguments`."""
    return edgecsi(*arguments(out, *more, **options))
