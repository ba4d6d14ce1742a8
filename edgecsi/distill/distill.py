"""From a teacher and a dataset to a student: the teacher's targets once, then the student."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from edgecsi.distill.loss import DistillLoss
from edgecsi.distill.options import DistillOptions
from edgecsi.distill.relations import check_heads
from edgecsi.distill.targets import Targets, make_targets
from edgecsi.models.network import NETWORKS, no_relations
from edgecsi.training.batches import BatchSource
from edgecsi.training.options import ExampleOptions, NetworkChoice
from edgecsi.training.processes import process_group
from edgecsi.training.train import fit_network, work_folder


def distill(teacher: Path, choice: NetworkChoice, data: Path, options: DistillOptions, folder: Path) -> None:
    """Distil the teacher of a model folder into a student with relations, written as a model folder.

    The targets are kept beside the checkpoint until the student is done; a run that was killed reuses them.
    """
    check_student(choice)
    targets = work_folder(folder) / "targets.h5"
    examples = ExampleOptions.part_of(options)
    with process_group().main_process_first():
        make_targets(teacher, data, examples, targets, options.accept_radio_mismatch)
    train_student(targets, choice, data, options, folder)


def train_student(
    targets: Path, choice: NetworkChoice, data: Path, options: DistillOptions, folder: Path
) -> None:
    """Train the student on a dataset and its targets; ModelError where the relation heads don't divide."""
    check_student(choice)
    with Targets(targets) as reader:

        def make_loss(network: nn.Module, source: BatchSource) -> DistillLoss:
            reader.check(source)
            check_heads(options.relation_heads, teacher=reader.widths, student=network.relation_widths)
            return DistillLoss(network, reader.relations, options)

        fit_network(choice, data, options, folder, make_loss, more_key=reader.key)


def check_student(choice: NetworkChoice) -> None:
    """ModelError unless a network can be distilled into."""
    if not NETWORKS.get(choice.network).relations:
        raise no_relations(choice.network)
