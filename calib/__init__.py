"""INT8 that keeps its NMSE: calibration sets, ranges, sensitivity, mixed precision.

:func:`~edgecsi.calib.sampling.sample` draws a calibration set from a dataset, and
:func:`~edgecsi.calib.quantization.quantize_to_goals` turns an FP32 graph into the Q/DQ graph that every INT8
target starts from.
"""
