"""The student's joint loss: L_NMSE + lambda_2 * L_att (eq. 32)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from edgecsi.distill.options import DistillOptions
from edgecsi.distill.relations import relation_loss
from edgecsi.models.prediction import Relations
from edgecsi.training.batches import Batch
from edgecsi.training.loss import prediction_loss


class DistillLoss(nn.Module):
    """Joint loss of the student; `teacher_relations` gives the teacher's view of a batch."""

    def __init__(
        self, network: nn.Module, teacher_relations: Callable[[Batch], Relations], options: DistillOptions
    ) -> None:
        super().__init__()
        self.network, self.options = network, options
        self.teacher_relations = teacher_relations

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The loss and its parts, scalars."""
        prediction, options = self.network.predict(batch.inputs, relations=True), self.options
        parts = prediction_loss(prediction, batch.targets, options.objective)
        attention = relation_loss(
            self.teacher_relations(batch),
            prediction.relations,
            options.relation_heads,
            options.relation_scope,
            options.relation_parts,
        )
        return {**parts, "loss": parts["loss"] + options.weight * attention, "attention": attention.detach()}
