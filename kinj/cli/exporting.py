"""`kinj eval --export`: the questions of probes as files of another program; no model is asked."""

from __future__ import annotations

from pathlib import Path

from kinj.cli.common import emit, note
from kinj.cli.evaluation import model_of
from kinj.cli.workflow import run_settings
from kinj.config import Loaded
from kinj.config.errors import DONE, UsageError
from kinj.data import open_data
from kinj.models.expressions import amounts
from kinj.models.places import locate

FORMATS = ("lm-eval",)


def export_questions(name: str, loaded: Loaded, form: str, folder: Path, *, as_json: bool) -> int:
    """Writes what the probes of `eval.probes` ask, as it is put to one model.

    Args:
        name: a run directory or a model; its tokenizer and prompt format decide the wording.
        form: one of `FORMATS`.

    Raises:
        UsageError: an unknown form; the folder holds something else; the model is an expression; nothing is asked here.
    """
    from kinj.eval.base import Context
    from kinj.eval.export import export
    from kinj.eval.run import asked_by

    if form not in FORMATS:
        raise UsageError(f"--export {form}: there is no such form", f"there are: {', '.join(FORMATS)}")
    if amounts(name):
        raise UsageError(f"--export: lm-eval cannot load the model expression {name}", "name one model, or a run")
    settings, run = run_settings(name, loaded)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not settings.run.overwrite:
        raise UsageError(f"{folder} is not empty", "choose another folder, or pass --overwrite")
    model = model_of(settings, run, name)
    context = Context(settings=settings, data=open_data(settings.data, settings.run.on_error), run=run)
    asked = asked_by(settings, context)
    if not asked:
        raise UsageError("nothing is asked", "\n".join(context.notices))
    tasks = [task for probe, requests in asked.items() for task in export(probe, requests, model.codec, folder)]
    for text in context.notices:
        note(f"note: {text}")
    options = "dtype=float32" + (",add_bos_token=True" if model.codec.bos and not model.codec.chat else "")
    command = (
        f"lm_eval run --model hf --model_args pretrained={locate(str(run or name)) or name},{options} "
        f"--include_path {folder} --tasks {','.join(tasks)} --batch_size 16"
    )
    if as_json:
        emit("eval", exported=tasks, folder=str(folder), command_line=command)
    else:
        print("\n".join(str(folder / f"{task}.yaml") for task in tasks))
        note(f"next: {command}")
    return DONE
