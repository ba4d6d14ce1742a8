"""From a PyTorch network to an engine: ONNX export, precision lowering, engine builders, targets."""
