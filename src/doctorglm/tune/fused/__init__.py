"""LoRA training of known layer shapes near the speed of their matrix products, on a CPU."""

from doctorglm.tune.fused.head import SupervisedHead
from doctorglm.tune.fused.install import fuse, has_fused_head, wanted

__all__ = ["SupervisedHead", "fuse", "has_fused_head", "wanted"]
