"""Precision lowering: one file per precision, each with `lower(graph: bytes) -> bytes`; no torch."""
