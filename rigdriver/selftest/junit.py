"""The report as JUnit XML, which build servers and test archives read.

In: a `Report`. Out: XML text: one test case per check; failed is a failure, unknown an error, not run and not checked
are skipped. Not here: tables and pages for people (see text.py).
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from rigdriver.selftest.result import CheckResult, Report, Status, counts

_KINDS = {
    Status.FAILED: "failure", Status.UNKNOWN: "error", Status.NOT_RUN: "skipped", Status.NOT_CHECKED: "skipped",
}  # fmt: skip


def junit(report: Report) -> str:
    """Return the report as JUnit XML."""
    number = counts(report.checks)
    suite = ET.Element(
        "testsuite",
        name=f"self-test of {report.rig}",
        tests=str(len(report.checks)),
        failures=str(number[Status.FAILED]),
        errors=str(number[Status.UNKNOWN]),
        skipped=str(number[Status.NOT_RUN] + number[Status.NOT_CHECKED]),
    )
    if report.about is not None:
        suite.set("timestamp", report.about.date)
        suite.set("hostname", report.about.host)
        properties = ET.SubElement(suite, "properties")
        for name, value in report.about.lines():
            ET.SubElement(properties, "property", name=name, value=_legal(value))
    for check in report.checks:
        _add(suite, check)
    ET.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


def _add(suite: ET.Element, check: CheckResult) -> None:
    group, _, name = check.name.rpartition(".")
    case = ET.SubElement(suite, "testcase", classname=group or check.name, name=name)
    if kind := _KINDS.get(check.status):
        found = ET.SubElement(case, kind, message=_legal(check.remedy), type=check.status.value)
        found.text = _legal(f"measured {check.measured}, expected {check.expected} {check.unit}".rstrip())


def _legal(text: str) -> str:
    """Leave out what XML 1.0 cannot hold: devices may report any byte."""
    return "".join(
        c for c in text if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
    )
