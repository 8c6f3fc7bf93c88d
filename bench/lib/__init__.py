"""What the benchmarks share: processes, the proxies under test, load, and how results are kept."""
