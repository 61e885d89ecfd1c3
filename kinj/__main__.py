"""`python -m kinj` is the `kinj` command (for `accelerate launch -m kinj` and `torchrun -m kinj`)."""

from kinj.cli.main import main

if __name__ == "__main__":
    main()
