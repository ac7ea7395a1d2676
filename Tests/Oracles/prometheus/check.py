#!/usr/bin/env python3
"""Reads files in Prometheus's text format as its own Python client does, and checks names and types.

    pip install prometheus_client
    check.py ../../ReportsTests/Fixtures/status.prom
    promtool check metrics < ../../ReportsTests/Fixtures/status.prom
"""
import sys

from prometheus_client.parser import text_string_to_metric_families

for path in sys.argv[1:]:
    text = open(path, encoding="utf-8").read()
    families = list(text_string_to_metric_families(text))
    assert families and text.endswith("\n"), path
    for family in families:
        assert family.name.startswith("resnet_dist_"), family.name
        assert family.documentation and family.type in ("counter", "gauge"), family
        assert family.samples, family
        for sample in family.samples:
            assert sample.labels["run"], sample
            assert (family.type == "counter") == sample.name.endswith("_total"), sample
    keys = [(s.name, tuple(sorted(s.labels.items()))) for f in families for s in f.samples]
    assert len(keys) == len(set(keys)), "samples are there twice"
    print(f"{path}: {len(families)} metrics, {len(keys)} samples")
