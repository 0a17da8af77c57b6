# SPDX-License-Identifier: Apache-2.0
"""What Prometheus answers to an expression, of series that a test makes up: promtool as a calculator."""

import json
import re
import subprocess

from lib.tools import debian_binary


def run(*arguments):
    return subprocess.run([debian_binary("prometheus", "usr/bin/promtool"), *map(str, arguments)], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)


def series(host, values):
    """values: {metric with its labels: a number that stays, or values as promtool takes them}"""
    for name, value in values.items():
        metric, _, labels = name.rstrip("}").partition("{")
        yield {"series": f"{metric}{{{','.join([*host, *filter(None, [labels])])}}}",
               "values": value if isinstance(value, str) else f"{value}+0x120"}


def got(folder, input_series, check, rules=()):
    """All that promtool got in a case that it must find wrong. check: of promql_expr_test or alert_rule_test"""
    path = folder / "case.yaml"
    case = {"interval": "1m", "input_series": list(input_series), **check}
    # JSON is YAML, too.
    path.write_text(json.dumps({"rule_files": [str(rule) for rule in rules], "evaluation_interval": "1m", "tests": [case]}))
    said = run("test", "rules", path).stdout
    assert "got:" in said, said
    return said.split("got:", 1)[1]


def answer(folder, expression, input_series, at="60m"):
    """[({label: value}, number)] of an expression."""
    said = got(folder, input_series, {"promql_expr_test": [
        {"expr": expression, "eval_time": at, "exp_samples": [{"labels": '{no="such"}', "value": 0}]}]})
    return [(dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)), float(value))
            for labels, value in re.findall(r"(?m)(\{[^\n]*?\}) ([-+\dEeInfNa.]+)", said)]
