"""Evaluation: what a model foresees and answers on held-out conversations, compared by item, judged by a gate."""

from doctorglm.evaluate.compare import compare, compare_all
from doctorglm.evaluate.gate import GateSettings
from doctorglm.evaluate.settings import EvaluateSettings
from doctorglm.evaluate.stage import evaluate

__all__ = ["EvaluateSettings", "GateSettings", "compare", "compare_all", "evaluate"]
