"""What a teacher's labels are taken for: steps between silver and training.

Each is a function from documents to documents with a switch in `SilverSettings`. What training is
to know of a document beside its labels is in `caveats.py`.
"""

from decoct.student.silver.caveats import document_weight, doubtful_places, unknown_subjects
from decoct.student.silver.prepare import Prepared, prepare
from decoct.student.silver.settings import SilverSettings

__all__ = [
    "Prepared",
    "SilverSettings",
    "document_weight",
    "doubtful_places",
    "prepare",
    "unknown_subjects",
]
