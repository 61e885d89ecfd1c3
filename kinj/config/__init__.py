"""Settings: the typed schema, how files and command lines are composed into it, and what is said of mistakes."""

from kinj.config.dump import from_yaml, to_yaml
from kinj.config.loader import Loaded, load
from kinj.config.secrets import redact
from kinj.config.tree import conf_root

__all__ = ["Loaded", "conf_root", "from_yaml", "load", "redact", "to_yaml"]
