"""Trains the reference teacher and students on TR 38.901 channels; continues where it was stopped.

    python benchmarks/train_reference.py --duplex tdd [--budget two-cores|papers] [-o build/reference]

UMa NLoS, 10-100 km/h. What is shipped is trained again by its own recipe (recipe.yaml in its folder), each
training into a model folder in OUT/<duplex>: `csi-alm`, the teacher; `csi-alm-light-clean`, the student on
clean channels; `csi-alm-light-noisy`, the same student on noisy histories, where a decibel counts the same
for every user (log-nmse), with relation distillation from the teacher where the budget says so;
`csi-alm-light`, the same on many users of both UE patterns, with rounded activations. Clean first is worth
it: channels are then nearly deterministic, and noise alone would hide from the student what there is to
learn. Rounding last makes it lose less in BF16 and INT8. Then the students that need no teacher and no clean
channels first: `csi-alm-light-delta`, for TDD, and `csi-alm-light-ad`.
benchmarks/model_card.py judges the results and ships them.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from channels import DUPLEXES, channels
from training_recipe import Step, epochs_of, recipe_path, shipped_steps, write_steps
from training_record import users_of, write_record

from edgecsi.models import load_config
from edgecsi.models.shipped import FOLDER
from edgecsi.radio import Duplex

TEACHER, STUDENT = "csi-alm", "csi-alm-light"
Changes = Mapping[str, Any]  # section.field -> value

# What the papers' size changes in the recipes of TDD, step by step; for a CUDA device. Not run yet.
PAPERS_DATA: Changes = {"data.users": 9000, "data.ue_pattern": "mixed"}
PAPERS: dict[str, list[Changes]] = {
    "csi-alm": [
        {
            "teacher.max_users": None,
            "teacher.epochs": 100,
            "teacher.batch_users": 128,
            "teacher.learning_rate": 3e-4,
        }
    ],
    "csi-alm-light": [
        {"student.epochs": 50, "student.batch_users": 64},
        # Four draws of noise, since the teacher's targets are kept for each of them.
        {"student.epochs": 200, "student.batch_users": 64, "student.weight": 0.1, "student.noise_draws": 4},
        {"student.epochs": 20, "student.batch_users": 64},
    ],
    "csi-alm-light-delta": [{"student.epochs": 200, "student.batch_users": 64}],
}
BUDGETS = ("two-cores", "papers")  # two-cores, what is shipped: about two hours


def main() -> None:
    """Data, teacher, students; whatever is there already is kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--duplex", choices=DUPLEXES, default="tdd")
    parser.add_argument("--budget", choices=BUDGETS, default=BUDGETS[0])
    parser.add_argument("--backbone", default="smollm2")
    parser.add_argument("--student-epochs", type=int, nargs=2, help="clean and noisy; default: the budget's")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/reference"))
    arguments = parser.parse_args()
    folder = arguments.output / arguments.duplex
    for name in names_of(arguments.duplex):
        steps = steps_of(name, arguments.duplex, arguments.budget)
        if name == TEACHER:
            steps = [step.changed({"teacher.backbone": arguments.backbone}) for step in steps]
        if name == STUDENT and arguments.student_epochs:
            changed = [
                step.changed({"student.epochs": epochs})
                for step, epochs in zip(steps, arguments.student_epochs, strict=False)
            ]
            steps = [*changed, *steps[len(changed) :]]
        train_steps(steps, folder / name, folder, folder / TEACHER)


def names_of(duplex: Duplex) -> list[str]:
    """The teacher, then the students that are shipped for a duplex mode."""
    shipped = [load_config(path.parent) for path in sorted(FOLDER.glob("*/config.json"))]
    return list(dict.fromkeys([TEACHER, *(one.name for one in shipped if one.radio.duplex == duplex)]))


def steps_of(name: str, duplex: Duplex, budget: str) -> list[Step]:
    """The trainings of a network, in order.

    Where none is shipped for the duplex mode, those of TDD on the channels of that mode's students.
    """
    found = shipped_steps(name, duplex)
    if budget == "papers":
        steps = shipped_steps(name, "tdd") or found
        more = PAPERS.get(name, [{}] * len(steps))
        changes = [{"data.duplex": duplex, **PAPERS_DATA, **one} for one in more]
        return [step.changed(one) for step, one in zip(steps, changes, strict=True)]
    if found:
        return found
    data = {f"data.{field}": value for field, value in shipped_steps(STUDENT, duplex)[0].data}
    return [step.changed(data) for step in shipped_steps(name, "tdd")]


def train_steps(
    steps: Sequence[Step],
    folder: Path,
    cache: Path,
    teacher: Path | None = None,
    data: Path | None = None,
) -> None:
    """Train one step after the other, the last one into `folder`. What is there is kept.

    Their recipe is written beside the folder. cache: where channels are drawn into, unless `data` is given.
    """
    start = None
    for number, step in enumerate(steps):
        later = steps[number + 1 :]
        place = folder.with_name(f"{folder.name}-{later[0].start}") if later else folder
        if not (place / "config.json").is_file():
            channels_file = data or channels(cache, step.data)
            step.train(channels_file, place, start, teacher)
            told = users_of(channels_file, step.options.max_users)
            write_record(place, epochs=epochs_of(steps[: number + 1]), **told)
        start = place
    write_steps(recipe_path(folder), steps)


if __name__ == "__main__":
    main()
