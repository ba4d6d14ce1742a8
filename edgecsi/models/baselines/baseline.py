"""What a baseline is: a classical predictor that needs no training, as one row beside its code.

Whatever a bundle's proof compares with comes from the rows of its task; one that doesn't apply to a setting
says why. A new baseline is a file with a row::

    BASELINES.register(Baseline("my_rule", "my rule", lambda users, radio: my_rule, module=__name__))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from numpy.typing import NDArray

from edgecsi.metrics import Energies
from edgecsi.models.network import any_setting
from edgecsi.radio import RadioSetting
from edgecsi.registry import Registry
from edgecsi.users import Users

Predict = Callable[[NDArray[Any]], NDArray[Any]]  # inputs [user, *input axes] -> [user, *target axes]
Chosen = TypeVar("Chosen", bound=Predict)


@dataclass(frozen=True)
class Baseline:
    """One baseline.

    name: in reports. title: for people. choose: (validation users, their setting) -> the predictor, with the
    parameters that predict these users best. tuned: it has such parameters; others ignore the users.
    why_not: radio setting -> why it doesn't apply, in one line that follows its title; None when it does.
    """

    name: str
    title: str
    choose: Callable[[Users, RadioSetting], Predict]
    task: str = "csi"
    tuned: bool = False
    why_not: Callable[[RadioSetting], str | None] = any_setting
    module: str = field(default="", compare=False)


BASELINES: Registry[Baseline] = Registry("baseline", "edgecsi.models.baselines")


def best(candidates: Iterable[Chosen], users: Users) -> Chosen:
    """The predictor of the smallest mean NMSE on these users; the first of equal ones."""
    return min(candidates, key=lambda predict: Energies.of(predict(users.inputs), users.targets).mean_db())
