"""Without names: documents of patients made such that nobody is named in them."""

from decoct.privacy.deidentifier import Deidentified, Deidentifier, Left, deidentify, mark_patterns
from decoct.privacy.key import Key
from decoct.privacy.labels import PHI_LABELS, Labels
from decoct.privacy.settings import DeidentifySettings

__all__ = [
    "PHI_LABELS",
    "Deidentified",
    "Deidentifier",
    "DeidentifySettings",
    "Key",
    "Labels",
    "Left",
    "deidentify",
    "mark_patterns",
]
