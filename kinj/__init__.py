"""kinj: put knowledge into language models and prove that it arrived."""

__version__ = "0.1.0"
