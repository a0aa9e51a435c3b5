"""Tuning: conversations and a base in, an adapter or a model out. Source: arXiv 2304.01097, section 2.3."""

from doctorglm.tune.settings import TuneSettings
from doctorglm.tune.stage import tune

__all__ = ["TuneSettings", "tune"]
