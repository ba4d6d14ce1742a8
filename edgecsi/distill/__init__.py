"""Distillation of a teacher into CSI-ALM-Light by its self-attention relations."""
