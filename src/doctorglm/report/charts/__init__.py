"""The pictures of the reports, drawn by Vega-Lite as SVG with real text; every one is read like the next.

The tuned model is always in the accent, its base always in grey. Each picture is made four times, for two languages
and two widths, and carries the table behind it.
"""

from doctorglm.report.charts.curve import Series, curve
from doctorglm.report.charts.flow import Branch, flow
from doctorglm.report.charts.intervals import Difference, intervals

__all__ = ["Branch", "Difference", "Series", "curve", "flow", "intervals"]
