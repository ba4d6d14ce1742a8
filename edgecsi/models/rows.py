"""What the networks that predict every antenna by itself have in common."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn

from edgecsi.models.network import no_relations
from edgecsi.models.prediction import Prediction
from edgecsi.models.scaling import from_rows, normalise, to_rows
from edgecsi.radio import RadioSetting


class RowNetwork(nn.Module):
    """Normalises per user and cuts into rows; a subclass maps rows to rows in :meth:`predict_rows`.

    Input and output as in :class:`edgecsi.models.prediction.TaskNetwork`.
    """

    def __init__(self, radio: RadioSetting) -> None:
        super().__init__()
        self.radio = radio

    @abstractmethod
    def predict_rows(self, rows: Tensor) -> Tensor:
        """One antenna per row, real parts first: float [row, T, 2K] at unit power -> [row, P, 2K]."""

    def forward(self, csi: Tensor) -> Tensor:
        """float32 [user, antenna, T, K, 2] -> float32 [user, antenna, P, K, 2]."""
        unit, rms, peak = normalise(csi)
        return from_rows(self.predict_rows(to_rows(unit)), csi.shape[1]) * rms * peak

    def predict(self, csi: Tensor, relations: bool = False) -> Prediction:
        """Future CSI; ModelError where relations are asked for, since this network has none."""
        if relations:
            raise no_relations(type(self).__name__)
        return Prediction(self(csi))
