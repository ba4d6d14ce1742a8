import pytest
import tiny_bundle

import edgecsi
from edgecsi.errors import BundleError, EdgeCsiError


def test_bundles_are_timed_from_python_and_the_report_says_what_they_are(bundles, monkeypatch):
    monkeypatch.setattr("edgecsi.latency.plan.MIN_SECONDS", 0.05)  # LoadGen's 10 s prove nothing here
    steps = []
    report = edgecsi.latency_report(
        [str(bundles / "onnxruntime.edgecsi")],
        extent="quick",
        users=(2,),
        threads=(1,),
        calls=20,
        progress=lambda what, done, total: steps.append((done, total)),
    )
    (row,) = report.subjects
    manifest = edgecsi.load(bundles / "onnxruntime.edgecsi").manifest
    assert (row.network, row.parameters) == (manifest.network.name, manifest.network.parameters)
    assert (row.task, row.radio, row.warnings) == ("csi", tiny_bundle.RADIO, list(manifest.warnings))
    assert row.cells[0].runs[0].timing.calls >= 20
    assert steps == [(0, 1)]


def test_nothing_to_time_is_said():
    with pytest.raises(EdgeCsiError, match="nothing to time"):
        edgecsi.latency_report([])


def test_a_bundle_that_is_not_there_is_said(tmp_path):
    with pytest.raises(BundleError, match="is no bundle"):
        edgecsi.latency_report([tmp_path / "nowhere"])
