"""The bundle: the folder that leaves the factory, with its manifest, hashes, reading and writing."""

from edgecsi.bundle.golden import golden_from_bytes, golden_to_bytes
from edgecsi.bundle.manifest import (
    GOLDEN_FILE,
    STUDENT_FILE,
    EngineFacts,
    Manifest,
    NetworkFacts,
    Proof,
    Signature,
    TensorSpec,
    TestSet,
)
from edgecsi.bundle.reader import Bundle, open_bundle
from edgecsi.bundle.writer import write_bundle

__all__ = [
    "GOLDEN_FILE",
    "STUDENT_FILE",
    "Bundle",
    "EngineFacts",
    "Manifest",
    "NetworkFacts",
    "Proof",
    "Signature",
    "TensorSpec",
    "TestSet",
    "golden_from_bytes",
    "golden_to_bytes",
    "open_bundle",
    "write_bundle",
]
