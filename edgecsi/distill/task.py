"""The student's joint loss: L_NMSE + lambda_2 * L_att (eq. 32)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from edgecsi.distill.relations import PARTS, RELATION_HEADS, Scope, relation_loss
from edgecsi.models.losses import Objective, nmse_objective, user_nmse
from edgecsi.models.prediction import Relations
from edgecsi.training.batches import Batch


@dataclass(frozen=True)
class DistillOptions:
    """weight: lambda_2 of eq. 32; heads: relation heads A_r; scope: which tokens' relations count.

    parts: whose relations with themselves count (QQ, KK, VV), for ablations.
    """

    weight: float = 0.1
    heads: int = RELATION_HEADS
    scope: Scope = "csi"
    parts: tuple[str, ...] = PARTS


class DistillTask(nn.Module):
    """Joint loss of the student; `teacher_relations` gives the teacher's view of a batch."""

    def __init__(
        self,
        network: nn.Module,
        teacher_relations: Callable[[Batch], Relations],
        options: DistillOptions,
        objective: Objective,
    ) -> None:
        super().__init__()
        self.network, self.options, self.objective = network, options, objective
        self.teacher_relations = teacher_relations

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The loss and its parts, scalars."""
        prediction = self.network.predict(batch.history, relations=True)
        nmse = user_nmse(prediction.future, batch.future)
        options = self.options
        attention = relation_loss(
            self.teacher_relations(batch), prediction.relations, options.heads, options.scope, options.parts
        )
        return {
            "loss": nmse_objective(nmse, self.objective) + self.options.weight * attention,
            "nmse": nmse.detach().mean(),
            "attention": attention.detach(),
        }
