"""Candidates, their training and comparison, calibration, and the way to ONNX."""
