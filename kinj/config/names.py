"""Names that settings may use. The registries of methods, probes and data sets are tested to hold exactly these.

They stand here because settings are checked before anything that defines them is imported.
"""

from __future__ import annotations

GROUPS = {
    "model": "tiny",
    "data": "biographies",
    "augment": "formatting",
    "train": "inject",
    "optim": "adamw",
    "eval": "default",
    "sweep": "default",
}
"""Groups of settings (folders of conf/) and the file each uses unless told otherwise."""

METHODS = {
    "formatting": "the same words in other shapes: spacing, lists, quotes, Markdown, JSON, HTML (no fact can change)",
    "permute": "sentences in another order; a pronoun that would lose its person becomes the name",
    "full_name": "full names in place of pronouns, where the person is certain",
    "reverse": "values before their subjects: turned sentences where facts are given, else word groups in reverse order",
    "masked": "the text with names, numbers and values masked, and then in full",
    "templates": "known facts in other sentences, from templates by relation",
    "title": "the title and the section's path before each passage",
    "paraphrase": "other words, in several styles, in the same or in another order (written by a language model)",
    "qa": "questions about the text with their answers (written by a language model)",
    "entigraph": "what the entities of the text have to do with one another, by pairs and triples (written by a language model)",
    "atomic": "the text's facts as statements that stand alone (written by a language model)",
    "structured": "dialogue, profile, outline, relations, summary (written by a language model)",
}
"""Augmentation methods."""

WRITTEN = ("paraphrase", "qa", "entigraph", "atomic", "structured")
"""Methods whose views a language model writes (`augment.llm`)."""

ASCENTS = {
    "sam": "along the gradient; two passes a step",
    "asam": "the same, scaled by the size of each weight; wants a rho about ten times larger",
    "looksam": "sam on every n-th step; what it added to the gradient is used again on the steps between (optim.sam.every=5)",
    "momentum": "along the optimizer's momentum; one pass a step; wants a rho about fifteen times larger",
}
"""Variants of SAM (`optim.sam.variant`)."""

PROBES = {
    "biographies": "what was said of the injected people, in wordings never trained on",
    "backward": "who it is that something was said of, for people whom no text led to; names also ranked among ten",
    "wiki2023": "questions about films of 2023 (Wiki2023), answers also ranked among ten of the same type",
    "wikidyk": "WikiDYK: reliability, generality, paraphrase, portability, locality",
    "qa": "any question file: data.questions=FILE",
    "cloze": "any documents: values blanked in reordered sentences, told from others like them (needs no questions)",
    "retention": "what was known before: facts replayed or not, multiple choice, texts, and distance from the start model",
    "formats": "the same as biographies, in the layout of lists, code, letters and markup",
    "loss_gap": "loss on the values of facts where they were taught, and in wordings never trained on",
    "sharpness": "rise and curvature of the loss on what was taught, around the weights",
    "calibration": "confidence and refusals on known, injected and never-seen people",
    "generalization": "values of facts after unseen sentences, and whether the facts known there are those answered",
    "multihop": "questions through chains of facts, beside their steps (MQuAKE, generated people)",
    "dose": "accuracy against how often each fact passed through training",
    "capacity": "bits of knowledge about generated people, and bits per parameter",
    "tofu": "TOFU: probability, ROUGE-L and truth ratio of authors taught and of what was known before; model utility",
    "linear": "where in a text an attribute becomes linearly readable, for people no head has learned from",
    "priming": "whether injected values come up after prompts about other people, or nobody",
}
"""Probes."""

LAWS = {
    "collapse": "the dose beyond which more of the same facts is worse, against model size and tokens",
    "forgetting": "the dose beyond which what was known before is lost, against model size and tokens",
    "plateau": "steps until people's attributes begin to be known, against the number of people",
    "capacity": "bits of knowledge per parameter against exposures",
    "efficiency": "how fast facts are learned from few exposures; one exponent per model or recipe",
    "exposure": "accuracy against views and repetitions",
}
"""Laws (`sweep.law`)."""

OBJECTIVES = {
    "auto": "next token on documents, answer only on questions",
    "next_token": "every record as plain text, loss on every token",
    "answer": "questions only, loss on the answer and its end",
    "masked": "documents by giving back a passage with tokens masked, loss on the copy",
    "span": "documents by naming a few words that are missing, loss on those words",
    "path": "documents after their title or path, which carries no loss",
    "distill": "as auto, held near what the start model believes otherwise",
}
"""Objectives of training; questions among the records of the last four are taught by their answers."""

DATA = (
    "biographies",
    "corpus",
    "fictional",
    "mquake",
    "nq_open",
    "popqa",
    "reversal",
    "squad",
    "text",
    "tofu",
    "wiki2023",
    "wikidyk",
)
"""Data sets."""

BUILT_IN_MODELS = ("tiny", "tiny-plain", "scratch")
"""Values of `model.name` that are neither a path nor a Hub id."""

TRACKERS = {
    "tensorboard": "pip install 'kinj[tracking]'",
    "trackio": "pip install 'kinj[tracking]'",
    "wandb": "pip install wandb",
}
"""Where a run's metrics can be shown (`run.trackers`), and what installs it."""

NORMALIZERS = (
    "squad",
    "squad2",
    "triviaqa",
    "nq",
    "mlqa",
    "mlqa-en",
    "mlqa-es",
    "mlqa-hi",
    "mlqa-vi",
    "mlqa-de",
    "mlqa-ar",
    "mlqa-zh",
    "light",
    "exact",
)
"""Ways of comparing answers (`kinj.eval.normalizers`)."""

ATTENTION = ("sdpa", "eager", "flex_attention", "flash_attention_2", "flash_attention_3")
"""Values of `model.attention`: those of transformers that load no code from a hub."""
