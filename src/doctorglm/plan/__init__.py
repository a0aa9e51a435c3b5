"""Memory, hours and USD of a tuning run before it starts, from a config and data alone."""

from doctorglm.plan.planning import Plan, plan
from doctorglm.plan.settings import PlanSettings

__all__ = ["Plan", "PlanSettings", "plan"]
