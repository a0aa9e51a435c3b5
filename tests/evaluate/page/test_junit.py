"""The gate as JUnit: what continuous integration reads."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from doctorglm import language
from doctorglm.evaluate.junit import junit_xml, write_junit

# https://github.com/testmoapp/junitxml: the elements of the format with their attributes
ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "skipped", "assertions", "time", "timestamp"},
    "testsuite": {
        "name", "tests", "failures", "errors", "skipped", "assertions", "time", "timestamp", "file", "hostname",
    },
    "testcase": {"name", "classname", "assertions", "time", "file", "line"},
    "properties": set(),
    "property": {"name", "value"},
    "failure": {"message", "type"},
    "system-out": set(),
}  # fmt: skip
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase", "system-out"},
    "testcase": {"failure", "system-out"},
    "properties": {"property"},
}


def root_of(gate: dict[str, Any]) -> ET.Element:
    return ET.fromstring(junit_xml(gate, seconds=1.25))


def test_elements_and_attributes_are_those_of_the_format(made: Any) -> None:
    for element in root_of(made.gate).iter():
        assert element.attrib.keys() <= ATTRIBUTES[element.tag]
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())


def test_a_test_case_for_each_criterion_with_the_finding_of_what_failed(made: Any) -> None:
    root = root_of(made.gate)
    cases = root.findall("./testsuite/testcase")
    assert [case.get("name") for case in cases] == [criterion["name"] for criterion in made.gate["criteria"]]
    for case, criterion in zip(cases, made.gate["criteria"], strict=True):
        failure = case.find("failure")
        assert (failure is None) == criterion["passed"]
        if failure is not None:
            assert failure.get("message") == failure.text == criterion["finding"]["en"]
    for element in (root, root.find("testsuite")):
        assert element is not None
        assert (element.get("tests"), element.get("failures"), element.get("errors")) == ("3", "1", "0")
        assert element.get("time") == "1.250"


def test_hashes_and_settings_are_properties(made: Any) -> None:
    found = {p.get("name"): p.get("value") for p in root_of(made.gate).iter("property")}
    assert found == {
        "sha256.base": "b" * 64,
        "sha256.adapter": "a" * 64,
        "sha256.placebo": "e" * 64,
        "sha256.test": "7" * 64,
        "thresholds.repetition_margin": "0.05",
        "thresholds.min_items": "30",
    }


def test_it_speaks_the_language_in_force(made: Any) -> None:
    language.choose("zh")
    failure = root_of(made.gate).find("./testsuite/testcase/failure")
    assert failure is not None and failure.get("message") == "72 个测试条目中有 1 个出现在训练数据中"


@pytest.mark.parametrize("passed", [True, False])
def test_a_gate_without_criteria_is_one_case(passed: bool) -> None:
    root = root_of({"passed": passed, "sentence": {"en": "so", "zh": "如此"}})
    assert len(root.findall("./testsuite/testcase")) == 1
    assert len(list(root.iter("failure"))) == (not passed)


def test_what_xml_forbids_is_taken_out(made: Any, tmp_path: Path) -> None:
    evil = "]]><failure/>&\"'\x00\x08\x1b[31m\ud83d\ufffe\uffff\u202e"
    gate = {**made.gate, "sentence": {"en": evil, "zh": evil}}
    gate["criteria"] = [{"name": evil, "passed": False, "finding": {"en": evil, "zh": evil}}]
    path = write_junit(tmp_path / "ci" / "gate.xml", gate)
    root = ET.fromstring(path.read_bytes())
    failure = root.find("./testsuite/testcase/failure")
    assert failure is not None and failure.text == "]]><failure/>&\"'\ufffd\ufffd\ufffd[31m\ufffd\ufffd\ufffd\ufffd"
    assert len(list(root.iter("failure"))) == 1
