"""The bundle: the folder that leaves the factory, with its manifest, hashes, reading and writing."""

from edgecsi.bundle.golden import GoldenSet
from edgecsi.bundle.manifest import (
    ENGINE_FILES,
    GOLDEN_FILE,
    STUDENT_FILE,
    Goals,
    Manifest,
    Proof,
    Student,
    TensorSpec,
    TestSet,
)
from edgecsi.bundle.reader import Bundle, open_bundle
from edgecsi.bundle.writer import write_bundle

__all__ = [
    "ENGINE_FILES",
    "GOLDEN_FILE",
    "STUDENT_FILE",
    "Bundle",
    "Goals",
    "GoldenSet",
    "Manifest",
    "Proof",
    "Student",
    "TensorSpec",
    "TestSet",
    "open_bundle",
    "write_bundle",
]
