r"""How fast a student trains and extracts, beside its bare encoder, and how much memory it takes.

    python benchmarks/speed.py --student runs/demo/distill/student \
        --docs examples/ade/unlabeled.jsonl

Every row is a process of its own, so that its peak memory is its own; all run one after the other
on the same machine. The table is Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

N_SINGLE = 200


def main() -> None:
    """Measure each row in a process, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--student", type=Path, required=True)
    parser.add_argument("--docs", type=Path, required=True)
    parser.add_argument("--repeat", type=int, default=3, help="the best of this many is shown")
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        json.dump(ROWS[arguments.row](arguments), sys.stdout)
        return
    found = {row: _in_process(row, arguments) for row in ROWS}
    base = found["bare encoder, batches"]["rate"]
    print("| what | sentences a second | ratio to the bare encoder | peak RSS |")
    print("|---|---|---|---|")
    for row, measured in found.items():
        if row != "import":
            ratio, rss = measured["rate"] / base, measured["rss_mib"]
            print(f"| {row} | {measured['rate']:.0f} | {ratio:.2f} | {rss:.0f} MiB |")
    start = found["import"]
    print(
        f"\n`import decoct`: {start['seconds'] * 1000:.0f} ms, {start['rss_mib']:.0f} MiB peak RSS."
    )
    print(f"{os.cpu_count()} cores; {found['bare encoder, batches']['n']} sentences.")


def _in_process(row: str, arguments: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--student", arguments.student, "--docs", arguments.docs]
    command += ["--repeat", str(arguments.repeat), "--row", row]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _measured(n: int, work: Callable[[], None], repeat: int) -> dict[str, float]:
    work()
    seconds = []
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return {"rate": n / min(seconds), "seconds": min(seconds), "n": n, "rss_mib": _rss_mib()}


def _rss_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _import(arguments: argparse.Namespace) -> dict[str, float]:
    del arguments
    started = time.perf_counter()
    import decoct

    assert decoct.__all__
    return {"seconds": time.perf_counter() - started, "rss_mib": _rss_mib()}


def _bare(arguments: argparse.Namespace) -> dict[str, float]:
    """The encoder alone over the same batches, padded and tokenized beforehand."""
    import torch

    import decoct
    from decoct.inference.batch import by_length, pad
    from decoct.training.device import autocast, choose_device, has_fast_bf16

    student = decoct.Student.from_pretrained(arguments.student)
    documents = decoct.read(arguments.docs)
    reader = student._reader
    pieces = [piece for document in documents for piece in reader.tokenizer.pieces(document.text)]
    groups = by_length([len(piece) for piece in pieces], reader.max_pieces, reader.max_batch_tokens)
    batches = [pad([pieces[position] for position in group], reader.pad_id) for group in groups]
    device = choose_device("auto")
    bf16 = has_fast_bf16(device)

    def work() -> None:
        with torch.inference_mode(), autocast(device, bf16):
            for batch in batches:
                student.model.encoder(
                    input_ids=torch.from_numpy(batch.input_ids).to(device),
                    attention_mask=torch.from_numpy(batch.attention_mask).to(device),
                )

    return _measured(len(documents), work, arguments.repeat)


def _extract(arguments: argparse.Namespace) -> dict[str, float]:
    import decoct

    student = decoct.Student.from_pretrained(arguments.student)
    documents = decoct.read(arguments.docs)

    def work() -> None:
        for _ in student.extract(documents):
            pass

    return _measured(len(documents), work, arguments.repeat)


def _single(arguments: argparse.Namespace) -> dict[str, float]:
    import decoct

    student = decoct.Student.from_pretrained(arguments.student)
    documents = decoct.read(arguments.docs)[:N_SINGLE]

    def work() -> None:
        for document in documents:
            student.extract(document)

    return _measured(len(documents), work, arguments.repeat)


def _train(arguments: argparse.Namespace) -> dict[str, float]:
    """One epoch over the student's own predictions; the second epoch is measured."""
    import decoct
    from decoct.student.fit import fit
    from decoct.student.settings import StudentSettings
    from decoct.tasks.base import get_task

    student = decoct.Student.from_pretrained(arguments.student)
    documents = list(student.extract(decoct.read(arguments.docs)))
    settings = StudentSettings(encoder=student.card.settings.encoder, epochs=2, patience=0)
    fitted = fit(documents, get_task(student.card.task), settings)
    seconds = fitted.training.history[1]["seconds"]
    n = fitted.n_train
    return {"rate": n / seconds, "seconds": seconds, "n": n, "rss_mib": _rss_mib()}


ROWS: dict[str, Callable[[argparse.Namespace], dict[str, float]]] = {
    "import": _import,
    "bare encoder, batches": _bare,
    "extract, batches": _extract,
    "extract, one at a time": _single,
    "train (an epoch, its dev part scored)": _train,
}


if __name__ == "__main__":
    main()
