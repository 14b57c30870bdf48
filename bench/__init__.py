"""Benchmarks: requests, CPU, memory and wall time, always next to the raw write rate of the same run."""
