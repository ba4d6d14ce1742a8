"""Export: ONNX from a network, lowering to a precision, and one builder per engine library."""
