"""One file per probe; `kinj.eval.registry` lists them."""
