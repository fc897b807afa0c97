"""Pictures as a browser draws them."""

from __future__ import annotations

from pathlib import Path

import pytest

import decoct
from decoct.records import Document
from fakes import pictures
from fakes.browsers import browser, page

__all__ = ["browser", "page"]

# every arrow's points and every word's boxes, relative to the window
GEOMETRY = """() => {
  const words = [], arrows = [], labels = [];
  for (const picture of document.querySelectorAll(".picture")) {
    const walker = document.createTreeWalker(picture.querySelector("p"), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(walker.currentNode);
      for (const { left, top, right, bottom } of range.getClientRects()) {
        words.push([left, top, right, bottom]);
      }
    }
    const { left, top } = picture.querySelector("svg").getBoundingClientRect();
    for (const path of picture.querySelectorAll(".shaft")) {
      for (let at = 0; at < path.getTotalLength(); at += 2) {
        const point = path.getPointAtLength(at);
        arrows.push([point.x + left, point.y + top]);
      }
    }
    const boxes = [...picture.querySelectorAll("svg text")].map((text) => {
      const box = text.getBoundingClientRect();
      return [box.left, box.top, box.right, box.bottom];
    });
    labels.push(boxes);
  }
  return { words, arrows, labels };
}"""


def show(page, tmp_path: Path, documents, gold=None, **options):
    path = decoct.show(documents, gold, title="shown", **options).save(tmp_path / "shown.html")
    page.goto(path.as_uri())
    page.locator(".picture").first.wait_for()


def texts(page, selector: str) -> list[str]:
    return page.locator(selector).all_text_contents()


def test_offsets_count_code_points(page, tmp_path) -> None:
    document = pictures.chinese()
    show(page, tmp_path, document)
    in_order = sorted(document.spans, key=lambda span: span.start)
    assert texts(page, "mark") == [span.text for span in in_order]
    assert texts(page, ".picture-text") == [document.text]


def test_nested_crossing_and_torn_spans(page, tmp_path) -> None:
    document = pictures.torn()
    show(page, tmp_path, document)
    assert texts(page, ".picture-text") == [document.text]
    pieces = ["breast", "ovarian ", "cancer", "acute ", "renal", " ", "failure", " he got"]
    assert texts(page, "mark") == [*pieces, "cisplatin", "<b>& carboplatin</b>"]
    assert page.locator(".bridge").count() == 1, "the two parts of a torn span are joined"
    assert "Disease → Breast Neoplasms D001943" in texts(page, ".span text")
    # of two boxes that share words, one is inside the other and lower
    heights = {
        label: max(box["height"] for box in boxes)
        for label in ("Anatomy", "Odd", "Disease 0.97")
        for group in [page.locator(".span", has_text=label)]
        for boxes in [[one.bounding_box() for one in group.locator("rect").all()]]
    }
    assert heights["Anatomy"] < heights["Disease 0.97"]
    assert heights["Odd"] != heights["Disease 0.97"]


@pytest.mark.slow
@pytest.mark.parametrize("width", [1000, 360])
def test_no_arrow_crosses_a_word_and_no_label_another(page, tmp_path, width) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    show(page, tmp_path, [pictures.paragraph(), pictures.chinese(), pictures.torn()])
    found = page.evaluate(GEOMETRY)
    assert len(found["arrows"]) > 1000
    for x, y in found["arrows"]:
        for left, top, right, bottom in found["words"]:
            assert not (left + 1 < x < right - 1 and top + 1 < y < bottom - 1), (x, y)
    for boxes in found["labels"]:
        for number, (left, top, right, bottom) in enumerate(boxes):
            assert left > -1
            assert right < width + 1
            for other in boxes[:number]:
                apart = right <= other[0] + 1 or other[2] <= left + 1
                # letters fill no more than the middle of their box
                apart = apart or bottom <= other[1] + 4 or other[3] <= top + 4
                assert apart, (boxes[number], other)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_is_drawn_again_for_another_width(page, tmp_path) -> None:
    show(page, tmp_path, pictures.paragraph())
    before = page.locator(".picture-layer").bounding_box()
    page.set_viewport_size({"width": 400, "height": 800})
    page.wait_for_timeout(200)
    after = page.locator(".picture-layer").bounding_box()
    assert after["width"] < before["width"]
    assert after["height"] > before["height"]
    # each span's boxes lie under its words still
    word = page.locator("mark", has_text="Metformin").bounding_box()
    box = page.locator(".span rect").all()
    assert any(abs(one.bounding_box()["x"] - word["x"]) < 4 for one in box)
    assert texts(page, ".picture-text") == [pictures.PARAGRAPH]


def test_nothing_runs_that_a_document_holds_and_nothing_is_loaded(page, tmp_path) -> None:
    nasty = (
        '</script><script>window.ran = 1</script><img src="https://example.org/x" onerror="ran=1">'
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    document = pictures.related(nasty, f"{nasty} gave rash", [(nasty, "rash")])
    show(page, tmp_path, [document, pictures.torn()])
    assert page.evaluate("window.ran") is None
    assert texts(page, ".picture-text")[0] == document.text
    assert asked == [page.url]


def test_pages_search_and_filters(page, tmp_path) -> None:
    plain = [Document(id=f"plain {n}", text=f"Nothing happened on day {n}.") for n in range(22)]
    labelled = Document(id="class", text="A class.", label="yes", meta={"confidence": 0.75})
    show(page, tmp_path, [*plain, labelled, pictures.torn()])
    status = page.locator("#status")
    assert status.text_content() == "1 to 10 of 24 documents"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert status.text_content() == "21 to 24 of 24 documents"
    assert texts(page, ".card h2") == ["plain 20", "plain 21", "class", "torn"]
    assert page.locator("article", has_text="A class.").locator(".class").text_content() == (
        "class: yes 0.75"
    )
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert status.text_content() == "11 to 20 of 24 documents"
    page.get_by_label("search in texts and ids").fill("DAY 7.")
    page.get_by_text("1 to 1 of 1 found, 24 documents in all").wait_for()
    page.get_by_label("search in texts and ids").fill("")
    page.get_by_label("documents", exact=True).select_option("with relations")
    page.get_by_text("1 to 1 of 1 found").wait_for()
    assert texts(page, ".card h2") == ["torn"]
    page.get_by_label("with the label").select_option("yes")
    page.get_by_text("No document of 24 fits").wait_for()


def test_what_is_less_sure_is_hidden(page, tmp_path) -> None:
    show(page, tmp_path, pictures.torn())
    assert page.locator(".shaft").count() == 2
    page.get_by_label("confidence from").fill("0.4")
    assert page.locator(".shaft").count() == 1, "treats, 0.31, is gone"
    page.get_by_label("confidence from").fill("0.6")
    assert page.locator(".shaft").count() == 0, "cisplatin, 0.50, is gone"
    assert page.locator("mark", has_text="cisplatin").count() == 0
    assert page.locator("mark", has_text="carboplatin").count() == 1, "it has no confidence"


def test_the_tables_say_what_the_picture_does_and_point_into_it(page, tmp_path) -> None:
    show(page, tmp_path, pictures.torn())
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    rows = page.locator("table", has_text="Relations").locator("tbody tr")
    assert [row.locator("td").all_text_contents() for row in rows.all()] == [
        ["cisplatin", "treats", "breast cancer", "0.31"],
        ["cisplatin", "causes", "acute renal failure", "0.90"],
    ]
    spans = page.locator("table", has_text="Spans")
    assert "NIL, none of the entries 0.70" in spans.text_content()
    assert "Ovarian Neoplasms" in spans.text_content()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert texts(page, ".arrow.pointed text") == ["causes 0.90"]
    assert rows.nth(1).locator("button").get_attribute("aria-pressed") == "true"
    page.keyboard.press("Escape")
    assert page.locator(".pointed").count() == 0


def test_gold_beside_predicted(page, tmp_path) -> None:
    gold = pictures.related("d", "Aspirin gave rash and fever.", [("Aspirin", "rash")])
    pairs = [("Aspirin", "fever")]
    predicted = pictures.related("d", "Aspirin gave rash and fever.", pairs)
    show(page, tmp_path, predicted, gold)
    labels = {"missed Effect", "invented Effect 0.93", "Drug 0.93"}
    assert set(texts(page, ".span text")) == labels
    assert set(texts(page, ".arrow text")) == {"missed ADE", "invented ADE 0.99"}
    dashes = {
        kind: page.locator(f".arrow.{kind} .shaft").evaluate(
            "path => getComputedStyle(path).strokeDasharray"
        )
        for kind in ("missed", "invented")
    }
    assert dashes["missed"] != dashes["invented"]
    assert "none" not in dashes.values()
    page.get_by_label("gold and predicted apart").check()
    assert texts(page, ".card-side") == ["gold", "predicted"]
    first, second = (page.locator(".picture").nth(number) for number in (0, 1))
    assert first.locator("mark").all_text_contents() == ["Aspirin", "rash"]
    assert second.locator("mark").all_text_contents() == ["Aspirin", "fever"]


def test_a_notebook_shows_it_in_a_frame(page) -> None:
    page.set_content(decoct.show(pictures.torn())._repr_html_())
    frame = page.frame_locator("iframe")
    frame.locator(".picture-layer rect").first.wait_for()
    assert frame.locator(".shaft").count() == 2
