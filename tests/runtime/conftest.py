import pytest
import tiny_bundle

import edgecsi


@pytest.fixture(scope="session", params=["onnxruntime", "openvino"])
def predictor(request, tmp_path_factory):
    """A started bundle of every engine library that runs here."""
    path = tmp_path_factory.mktemp("bundles") / f"{request.param}.edgecsi"
    tiny_bundle.write(path, request.param)
    return edgecsi.load(path, threads=1)
