"""What several tests of evaluation share."""

from ..engine.conftest import serve as serve
