r"""How fast a student trains and extracts, beside its bare encoder, and how much memory it takes.

    python benchmarks/speed.py --student runs/demo/distill/student \
        --docs examples/ade/unlabeled.jsonl

In torch and exported at int8, from Python and as the command, and beside them the same encoder in
transformers' token-classification pipeline, as it comes and tuned. Every row is a process of its
own, so that its peak memory is its own; all run one after the other on the same machine. The table
is Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

N_SINGLE = 200
N_COMMAND = 10_000  # the command is given the documents so often, so that its start counts little


def main() -> None:
    """Measure each row in a process, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--student", type=Path, required=True)
    parser.add_argument("--docs", type=Path, required=True)
    parser.add_argument("-n", type=int, help="the first so many documents")
    parser.add_argument("--repeat", type=int, default=3, help="the best of this many is shown")
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    parser.add_argument("--exported", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        json.dump(ROWS[arguments.row](arguments), sys.stdout)
        return
    with tempfile.TemporaryDirectory(prefix="decoct-speed-") as folder:
        arguments.exported = Path(shutil.copytree(arguments.student, Path(folder) / "student"))
        command = ["export", "--student", arguments.exported, "--int8", "--force", "--quiet"]
        subprocess.run([_decoct(), *command], check=True, stdout=subprocess.DEVNULL)
        found = {row: _in_process(row, arguments) for row in ROWS}
    base, other = found[BARE]["rate"], found[BARE_INT8]["rate"]
    print("| what | sentences a second | to the bare encoder | to it exported | peak RSS |")
    print("|---|---|---|---|---|")
    for row, measured in found.items():
        if row not in ("import", FIRST):
            rate, rss = measured["rate"], measured["rss_mib"]
            print(
                f"| {row} | {rate:.0f} | {rate / base:.2f} | {rate / other:.2f} | {rss:.0f} MiB |"
            )
    for row in ("import", FIRST):
        seconds, rss = found[row]["seconds"], found[row]["rss_mib"]
        print(f"\n{row}: {seconds * 1000:.0f} ms, {rss:.0f} MiB peak RSS.")
    print(f"{os.cpu_count()} cores; {found[BARE]['n']} sentences.")


def _in_process(row: str, arguments: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--student", arguments.student, "--docs", arguments.docs]
    command += ["--repeat", str(arguments.repeat), "--exported", arguments.exported, "--row", row]
    command += [] if arguments.n is None else ["-n", str(arguments.n)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _documents(arguments: argparse.Namespace) -> list[Any]:
    import decoct

    return [document.bare() for document in decoct.read(arguments.docs)[: arguments.n]]


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
    from decoct.training.device import autocast, choose_device, has_fast_bf16

    student = decoct.Student.from_pretrained(arguments.student, engine="torch")
    documents = _documents(arguments)
    batches = _batches(student._reader, documents)
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


def _bare_exported(arguments: argparse.Namespace) -> dict[str, float]:
    """The exported encoder alone over such batches, one on each core at a time.

    As often as the command reads the documents, so that both are measured over as long a time.
    """
    import decoct
    from decoct.inference.cores import n_cores

    reader = decoct.Student.from_pretrained(arguments.exported)._reader
    documents = _documents(arguments)
    times = -(-N_COMMAND // len(documents))
    batches = _batches(reader, documents) * times
    with ThreadPoolExecutor(n_cores()) as pool:

        def work() -> None:
            for _ in pool.map(reader.network.encode, batches):
                pass

        return _measured(len(documents) * times, work, arguments.repeat)


def _batches(reader: Any, documents: Any) -> list[Any]:  # noqa: ANN401
    """Cut, tokenize and pad as a student does."""
    from decoct.inference.batch import by_length, pad

    pieces = [piece for document in documents for piece in reader.tokenizer.pieces(document.text)]
    groups = by_length([len(piece) for piece in pieces], reader.max_pieces, reader.max_batch_tokens)
    return [pad([pieces[position] for position in group], reader.pad_id) for group in groups]


def _extract(arguments: argparse.Namespace) -> dict[str, float]:
    return _extracting(arguments, arguments.student, "torch")


def _extract_exported(arguments: argparse.Namespace) -> dict[str, float]:
    return _extracting(arguments, arguments.exported, "onnx")


def _extracting(arguments: argparse.Namespace, folder: Path, engine: Any) -> dict[str, float]:  # noqa: ANN401
    import decoct

    student = decoct.Student.from_pretrained(folder, engine=engine)
    documents = _documents(arguments)

    def work() -> None:
        for _ in student.extract(documents):
            pass

    return _measured(len(documents), work, arguments.repeat)


def _single(arguments: argparse.Namespace) -> dict[str, float]:
    return _one_by_one(arguments, arguments.student, "torch")


def _single_exported(arguments: argparse.Namespace) -> dict[str, float]:
    return _one_by_one(arguments, arguments.exported, "onnx")


def _one_by_one(arguments: argparse.Namespace, folder: Path, engine: Any) -> dict[str, float]:  # noqa: ANN401
    import decoct

    student = decoct.Student.from_pretrained(folder, engine=engine)
    documents = _documents(arguments)[:N_SINGLE]

    def work() -> None:
        for document in documents:
            student.extract(document)

    return _measured(len(documents), work, arguments.repeat)


def _command(arguments: argparse.Namespace) -> dict[str, float]:
    """`decoct extract`, JSONL to JSONL, its start and its reading and writing included."""
    from decoct.formats.jsonl import write_jsonl

    asked = _documents(arguments)
    documents = [
        document.model_copy(update={"id": f"{document.id}-{time_}"})
        for time_ in range(-(-N_COMMAND // len(asked)))
        for document in asked
    ]
    path, out = arguments.exported / "asked.jsonl", arguments.exported / "found.jsonl"
    write_jsonl(path, documents)
    flags = ["extract", "--student", arguments.exported, "--in", path, "--out", out, "--quiet"]
    return _of_a_process([_decoct(), *flags], len(documents), out, arguments.repeat)


def _first(arguments: argparse.Namespace) -> dict[str, float]:
    """One sentence by `decoct extract`."""
    path, out = arguments.exported / "one.txt", arguments.exported / "one.jsonl"
    path.write_text("Intravenous azithromycin-induced ototoxicity.\n")
    flags = ["extract", "--student", arguments.exported, "--in", path, "--out", out, "--quiet"]
    return _of_a_process([_decoct(), *flags], 1, out, arguments.repeat)


def _of_a_process(command: list[Any], n: int, out: Path, repeat: int) -> dict[str, float]:
    def work() -> None:
        out.unlink(missing_ok=True)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    measured = _measured(n, work, repeat)
    rss = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {**measured, "rss_mib": rss}


def _pipeline(arguments: argparse.Namespace, tuned: bool = False) -> dict[str, float]:
    """Transformers' pipeline with a tagger of three labels on the same encoder."""
    from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

    folder = str(arguments.student)
    model = AutoModelForTokenClassification.from_pretrained(folder, num_labels=3)
    tokenizer = AutoTokenizer.from_pretrained(folder, pad_token="[PAD]")
    tagger = pipeline("token-classification", model=model, tokenizer=tokenizer)
    texts = [document.text for document in _documents(arguments)]

    def work() -> None:
        if tuned:
            for _ in tagger(sorted(texts, key=len), batch_size=32):
                pass
        else:
            for _ in tagger(texts):
                pass

    return _measured(len(texts), work, arguments.repeat)


def _pipeline_tuned(arguments: argparse.Namespace) -> dict[str, float]:
    return _pipeline(arguments, tuned=True)


def _decoct() -> str:
    return str(Path(sys.executable).parent / "decoct")


def _train(arguments: argparse.Namespace) -> dict[str, float]:
    """One epoch over the student's own predictions; the second epoch is measured."""
    import decoct
    from decoct.student.fit import fit
    from decoct.student.settings import StudentSettings
    from decoct.tasks.base import get_task

    student = decoct.Student.from_pretrained(arguments.student, engine="torch")
    documents = list(student.extract(_documents(arguments)))
    settings = StudentSettings(encoder=student.card.settings.encoder, epochs=2, patience=0)
    fitted = fit(documents, get_task(student.card.task), settings)
    seconds = fitted.training.history[1]["seconds"]
    n = fitted.n_train
    return {"rate": n / seconds, "seconds": seconds, "n": n, "rss_mib": _rss_mib()}


BARE, BARE_INT8 = "bare encoder, batches", "bare encoder exported at int8, batches"
FIRST = "`decoct extract` of one sentence, exported at int8"
ROWS: dict[str, Callable[[argparse.Namespace], dict[str, float]]] = {
    "import": _import,
    BARE: _bare,
    "extract, batches": _extract,
    "extract, one at a time": _single,
    BARE_INT8: _bare_exported,
    "extract exported at int8, batches": _extract_exported,
    "extract exported at int8, one at a time": _single_exported,
    "`decoct extract` exported at int8, JSONL to JSONL": _command,
    FIRST: _first,
    "transformers' pipeline, as it comes": _pipeline,
    "transformers' pipeline, sorted, batches of 32": _pipeline_tuned,
    "train (an epoch, its dev part scored)": _train,
}


if __name__ == "__main__":
    main()
