"""The pictures of the reports, as SVG with real text, by Vega-Lite or drawn here; every one is read like the next.

The tuned model is always in the accent, its base always in grey. Each picture is made four times, for two languages
and two widths, and carries the table behind it.
"""

from doctorglm.report.charts.bars import Bar, bars, shares
from doctorglm.report.charts.curve import Series, curve
from doctorglm.report.charts.flow import Branch, flow
from doctorglm.report.charts.forest import Estimate, Panel, Row, forest
from doctorglm.report.charts.heat import heat
from doctorglm.report.charts.histogram import Histogram, histograms, median
from doctorglm.report.charts.intervals import Difference, intervals
from doctorglm.report.charts.ladder import Measure, ladder
from doctorglm.report.charts.matrix import matrix
from doctorglm.report.charts.sankey import Flow, Stream, sankey

__all__ = [
    "Bar",
    "Branch",
    "Difference",
    "Estimate",
    "Flow",
    "Histogram",
    "Measure",
    "Panel",
    "Row",
    "Series",
    "Stream",
    "bars",
    "curve",
    "flow",
    "forest",
    "heat",
    "histograms",
    "intervals",
    "ladder",
    "matrix",
    "median",
    "sankey",
    "shares",
]
