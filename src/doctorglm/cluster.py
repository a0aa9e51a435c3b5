"""A Ray cluster for the stages that can use one: joined where it is, else started here, and stopped again.

https://docs.ray.io/en/latest/data/data.html
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from doctorglm.errors import ConfigError


@contextmanager
def ray_data() -> Iterator[Any]:
    """Ray Data on the cluster that RAY_ADDRESS names, else on this machine's cores; results keep the input's order.

    Raises ConfigError without Ray. Nothing is reported to Ray's makers, unless RAY_USAGE_STATS_ENABLED asks for it.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError:
        raise ConfigError(
            en="--engine ray needs Ray: pip install 'doctorglm[ray]'.",
            zh="--engine ray 需要 Ray：pip install 'doctorglm[ray]'。",
        ) from None
    ours = not ray.is_initialized()
    if ours:
        ray.init(log_to_driver=False, include_dashboard=False, logging_level=logging.WARNING)
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    try:
        yield ray.data
    finally:
        if ours:
            ray.shutdown()
