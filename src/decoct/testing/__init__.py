"""For tests of what asks an LLM: a real server on loopback that misbehaves on demand.

Example:
    with FakeOpenAI(ade, mix={"transient": 0.3}) as server:
        silver = decoct.label(documents, teacher="openai:any", base_url=server.base_url)
    assert server.answered == len(documents)

`python -m decoct.testing` runs one by hand.
"""

from decoct.testing import faults
from decoct.testing.batch_lines import BatchBehavior
from decoct.testing.faults import Fault
from decoct.testing.handlers import ade, by_text, from_file
from decoct.testing.ledger import Count, prompt_hash
from decoct.testing.recorded import Recorded
from decoct.testing.server import FakeOpenAI

__all__ = [
    "BatchBehavior",
    "Count",
    "FakeOpenAI",
    "Fault",
    "Recorded",
    "ade",
    "by_text",
    "faults",
    "from_file",
    "prompt_hash",
]
