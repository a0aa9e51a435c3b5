"""A gate as a JUnit report, for continuous integration: one test case for each criterion.

Elements and attributes are those of the schema that Jenkins, GitLab and GitHub's actions read:
https://github.com/testmoapp/junitxml.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from doctorglm.language import Text
from doctorglm.report.wording import clean
from doctorglm.runs import atomic_file

SUITE = "doctorglm.compare"
_NOT_XML = re.compile("[\ufffe\uffff]")
"""What `clean` leaves and XML 1.0 forbids."""


def write_junit(path: Path, gate: Mapping[str, Any], *, seconds: float = 0.0) -> Path:
    """Writes `junit_xml(gate)`, complete or not at all."""
    with atomic_file(path) as out:
        out.write(junit_xml(gate, seconds=seconds))
    return path


def junit_xml(gate: Mapping[str, Any], *, seconds: float = 0.0) -> str:
    """The object of a `gate.json` as XML, in the language in force; `seconds` is how long the comparison took.

    A failed criterion is a `failure` with its finding; hashes and settings are properties of the suite.
    """
    criteria = gate.get("criteria") or [{"name": "gate", "passed": gate.get("passed"), "finding": gate.get("sentence")}]
    counts = {
        "tests": str(len(criteria)),
        "failures": str(sum(not criterion.get("passed") for criterion in criteria)),
        "errors": "0",
        "skipped": "0",
        "time": f"{seconds:.3f}",
    }
    root = ET.Element("testsuites", {"name": "doctorglm", **counts})
    when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    suite = ET.SubElement(root, "testsuite", {"name": SUITE, **counts, "timestamp": when, "hostname": "localhost"})
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(gate):
        ET.SubElement(properties, "property", {"name": _safe(name), "value": _safe(value)})
    for criterion in criteria:
        _case(suite, criterion)
    ET.SubElement(suite, "system-out").text = _safe(_said(gate.get("sentence")))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, criterion: Mapping[str, Any]) -> None:
    name = _safe(str(criterion.get("name", "gate")))
    case = ET.SubElement(suite, "testcase", {"name": name, "classname": SUITE, "time": "0.000"})
    finding, whole = _said(criterion.get("finding")), _said(criterion.get("text") or criterion.get("finding"))
    if not criterion.get("passed"):
        failure = ET.SubElement(case, "failure", {"message": _safe(finding), "type": "gate"})
        failure.text = _safe(whole)
    else:
        ET.SubElement(case, "system-out").text = _safe(whole)


def _properties(gate: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, digest in (gate.get("sha256") or {}).items():
        if digest:
            yield f"sha256.{name}", str(digest)
    for name, value in (gate.get("thresholds") or {}).items():
        yield f"thresholds.{name}", str(value)


def _said(found: Any) -> str:
    """A JSON object `{en, zh}` in the language in force."""
    if isinstance(found, Mapping):
        return str(Text(en=str(found.get("en", "")), zh=str(found.get("zh", ""))))
    return str(found or "")


def _safe(text: str) -> str:
    return _NOT_XML.sub("\ufffd", clean(text))
