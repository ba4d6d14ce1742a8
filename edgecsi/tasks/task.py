"""What a task is: everything that differs between "predict CSI" and "predict SINR", as data.

Pipeline, calibration, proof, bundle, runtime, latency and reports read a :class:`Task` and know no other
difference. A new task is one file with a row; see `edgecsi/tasks/csi.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecsi.interleaved import to_complex, to_interleaved
from edgecsi.metrics import Energies, Report
from edgecsi.radio import RadioSetting
from edgecsi.registry import Registry
from edgecsi.users import Users

Array = NDArray[Any]
Noise = Callable[[Array, NDArray[np.integer], "float | tuple[float, float]", int, int], Array]


@dataclass(frozen=True)
class Tensor:
    """One tensor of a task, per user; the user axis stands in front of its axes.

    name: in graphs and engines. dims: sizes of the axes in a radio setting. dtype: complex64 or float32; an
    engine takes complex numbers as float32 with a last axis (re, im).
    """

    name: str
    axes: tuple[str, ...]
    dims: Callable[[RadioSetting], tuple[int, ...]]
    dtype: type[np.complex64] | type[np.float32]
    unit: str

    @property
    def is_complex(self) -> bool:
        """Whether its numbers are complex."""
        return self.dtype is np.complex64

    @property
    def engine_axes(self) -> tuple[str, ...]:
        """Axes of the engine's tensor, the user's first."""
        return ("user", *self.axes, *(("re_im",) if self.is_complex else ()))

    def engine_dims(self, radio: RadioSetting) -> tuple[int, ...]:
        """Sizes of the engine's tensor, without the user axis."""
        return (*self.dims(radio), *((2,) if self.is_complex else ()))

    def to_engine(self, values: Array) -> NDArray[np.float32]:
        """[user, *axes] of any layout and precision -> C-order float32 [user, *engine axes]."""
        if self.is_complex:
            return to_interleaved(values)
        return np.ascontiguousarray(values, dtype=np.float32)

    def from_engine(self, values: NDArray[np.float32]) -> Array:
        """Inverse of :meth:`to_engine`."""
        return to_complex(values) if self.is_complex else values

    def words(self, radio: RadioSetting) -> str:
        """As people write it: complex [user, antenna, time, subcarrier] = [any, 32, 16, 48]."""
        kind = "complex" if self.is_complex else "real"
        dims = ", ".join(map(str, self.dims(radio)))
        return f"{kind} [{', '.join(('user', *self.axes))}] = [any, {dims}]"


@dataclass(frozen=True)
class Grouping:
    """Users by rows of a table. column: of a dataset and of :class:`Users`. label: value -> row's label."""

    name: str
    column: str
    unit: str
    label: Callable[[float], str]

    def labels(self, columns: Mapping[str, Array]) -> NDArray[np.str_]:
        """Row label of every user [user]."""
        return np.array([self.label(float(value)) for value in columns[self.column]])


@dataclass(frozen=True)
class Task:
    """One prediction task.

    input, target: what is seen, and what is predicted. step_axis: name of the target's axis that holds the
    steps ahead; None: there is one step. groupings: the first is the one whose worst row goals are about.
    add_noise: receiver noise on inputs, (inputs, users, snr_db, seed, draw) -> inputs; None: the task has
    none. noisy_snr_db: at which predictors are compared with noise too, since a history without any is no
    radio's. resolution: NMSE below which a better prediction is worth nothing. draw_inputs: seeded inputs at
    a realistic scale for timing, (generator, radio, users) -> inputs. vary: gives every user another phase or
    gain, under which prediction is equivariant: (generator, users) -> factor [user]. scales: by which inputs
    are multiplied when equivariance is checked; empty: it is not a property of the task. row_axis: axis of
    the input along which a user may be cut for training; None: users stay whole.
    """

    name: str
    summary: str
    input: Tensor
    target: Tensor
    step_axis: str | None
    groupings: tuple[Grouping, ...]
    draw_inputs: Callable[[np.random.Generator, RadioSetting, int], Array]
    vary: Callable[[np.random.Generator, int], Array]
    add_noise: Noise | None = None
    noisy_snr_db: float | None = None
    resolution: float = 0.0
    scales: tuple[float, ...] = ()
    row_axis: str | None = None
    module: str = field(default="", compare=False)

    def energies(self, prediction: Array, truth: Array) -> Energies:
        """Error and signal energies of [user, *target axes] per user and step ahead."""
        axis = None if self.step_axis is None else 1 + self.target.axes.index(self.step_axis)
        return Energies.of(prediction, truth, axis)

    def labels(self, columns: Mapping[str, Array]) -> dict[str, NDArray[np.str_]]:
        """Grouping -> row label of every user, for the groupings whose column is there."""
        return {g.name: g.labels(columns) for g in self.groupings if g.column in columns}

    def report(self, prediction: Array, users: Users) -> Report:
        """Report of predictions for some users."""
        return Report.of(self.energies(prediction, users.targets), self.labels(users.columns))

    @property
    def worst_grouping(self) -> Grouping:
        """The grouping whose worst row a goal is about."""
        return self.groupings[0]

    def row_count(self, radio: RadioSetting) -> int:
        """Rows of a user that training may cut apart; 1 where users stay whole."""
        return 1 if self.row_axis is None else self.input.dims(radio)[self.input.axes.index(self.row_axis)]

    def shapes(self, radio: RadioSetting) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Per user: dims of the input and of the target."""
        return self.input.dims(radio), self.target.dims(radio)


TASKS: Registry[Task] = Registry("task", "edgecsi.tasks")
