"""Benchmarks of the operator beside its rivals, as ratios within one run. No part of the product."""
