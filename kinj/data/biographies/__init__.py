"""Generated people: biographies in the manner of bioS, questions about them, and the data set built from both.

Sources: arXiv 2309.14316 and 2404.05405 (people, attributes, pool sizes); arXiv 2503.21676 (held-out sentences,
exposure).
Names, values, sentences and questions are kinj's own; see `lists/`, `templates.yaml` and `question_templates.yaml`.
"""

from kinj.data.biographies.dataset import BASE_PEOPLE, base_population, data_set
from kinj.data.biographies.people import Person, Population
from kinj.data.biographies.pools import RELATIONS, entropies
from kinj.data.biographies.questions import FORMS, distractors, frequent_value_baseline, questions
from kinj.data.biographies.text import biography, documents

__all__ = [
    "BASE_PEOPLE",
    "FORMS",
    "RELATIONS",
    "Person",
    "Population",
    "base_population",
    "biography",
    "data_set",
    "distractors",
    "documents",
    "entropies",
    "frequent_value_baseline",
    "questions",
]
