"""Adapters from the original files of published benchmarks to documents and questions. See docs/data.md."""
