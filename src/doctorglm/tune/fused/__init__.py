"""Training near the speed of its matrix products: whole layers of known shapes with LoRA on a CPU, else linear ones."""

from doctorglm.tune.fused.head import SupervisedHead
from doctorglm.tune.fused.install import fuse, has_fused_head, wanted

__all__ = ["SupervisedHead", "fuse", "has_fused_head", "wanted"]
