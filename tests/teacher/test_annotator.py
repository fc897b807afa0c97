"""The rules teacher: hand-made sentences with the pairs they tell, and odd text."""

import time

import pytest

from decoct.teacher.annotator import Annotation, RulesAnnotator
from decoct.teacher.lexicon import load_lexicon
from decoct.teacher.lexicon.matching import fold, singulars


@pytest.fixture(scope="module")
def annotator() -> RulesAnnotator:
    return RulesAnnotator()


def pairs(annotation: Annotation) -> set[tuple[str, str]]:
    return {(drug.text, effect.text) for drug, effect in annotation.pairs}


EVENTS = {
    # the hyphenated cue
    "Phenytoin-induced hepatitis.": {("Phenytoin", "hepatitis")},
    "A case of vancomycin-associated neutropenia in a child.": {("vancomycin", "neutropenia")},
    "Sirolimus-related pneumonitis resolved quickly.": {("Sirolimus", "pneumonitis")},
    "Flurbazone-induced hepatitis.": {("Flurbazone", "hepatitis")},
    "Ketamine-induced purple toes.": {("Ketamine", "purple toes")},
    # effect before drug
    "Agranulocytosis caused by clozapine.": {("clozapine", "Agranulocytosis")},
    "Hyponatremia secondary to sertraline is described.": {("sertraline", "Hyponatremia")},
    "Torsade de pointes due to erythromycin.": {("erythromycin", "Torsade de pointes")},
    "Cough was attributed to enalapril.": {("enalapril", "Cough")},
    "Visual hallucinations following zolpidem.": {("zolpidem", "Visual hallucinations")},
    "Ototoxicity is a side effect of gentamicin.": {("gentamicin", "Ototoxicity")},
    "Seizures during treatment with imipenem.": {("imipenem", "Seizures")},
    "Stevens-Johnson syndrome after lamotrigine.": {("lamotrigine", "Stevens-Johnson syndrome")},
    "Erythema multiforme developed 3 days after starting cefixime.": {
        ("cefixime", "Erythema multiforme")
    },
    # drug before effect
    "Amiodarone can cause hypothyroidism.": {("Amiodarone", "hypothyroidism")},
    "Bleomycin resulted in pulmonary fibrosis.": {("Bleomycin", "pulmonary fibrosis")},
    "A man taking lithium developed ataxia.": {("lithium", "ataxia")},
    "After two weeks of isoniazid, the patient experienced jaundice.": {("isoniazid", "jaundice")},
    "Intravenous haloperidol was followed by acute dystonia.": {("haloperidol", "acute dystonia")},
    "Cisplatin nephrotoxicity is dose-limiting.": {("Cisplatin", "nephrotoxicity")},
    # modifiers and findings
    "Methotrexate-induced acute interstitial pneumonitis.": {
        ("Methotrexate", "acute interstitial pneumonitis")
    },
    "Valproate caused elevated serum transaminases.": {
        ("Valproate", "elevated serum transaminases")
    },
    "Dofetilide caused prolongation of the QT interval.": {
        ("Dofetilide", "prolongation of the QT interval")
    },
    "Infliximab caused a severe pulmonary reaction.": {("Infliximab", "severe pulmonary reaction")},
    "Minocycline caused a lupus-like syndrome.": {("Minocycline", "lupus-like syndrome")},
    "Disulfiram-like reaction after cefotetan.": {("cefotetan", "Disulfiram-like reaction")},
    # coordination
    "Nausea, vomiting and diarrhea caused by digoxin.": {
        ("digoxin", "Nausea"),
        ("digoxin", "vomiting"),
        ("digoxin", "diarrhea"),
    },
    "Carbamazepine and valproate-induced pancreatitis.": {
        ("Carbamazepine", "pancreatitis"),
        ("valproate", "pancreatitis"),
    },
    "Adverse effects of quinidine include fever and thrombocytopenia.": {
        ("quinidine", "fever"),
        ("quinidine", "thrombocytopenia"),
    },
    "Methotrexate (MTX)-induced mucositis.": {
        ("Methotrexate", "mucositis"),
        ("MTX", "mucositis"),
    },
    "Interstitial lung disease (ILD) caused by gefitinib.": {
        ("gefitinib", "Interstitial lung disease"),
        ("gefitinib", "ILD"),
    },
    # several drugs
    "A man on aspirin for gout took captopril, which caused cough.": {("captopril", "cough")},
    "Clozapine-induced seizures were controlled with lamotrigine.": {("Clozapine", "seizures")},
    "Not only rash but also fever was caused by nevirapine.": {
        ("nevirapine", "rash"),
        ("nevirapine", "fever"),
    },
    # British spelling
    "Hyperkalaemia and oedema were caused by spironolactone.": {
        ("spironolactone", "Hyperkalaemia"),
        ("spironolactone", "oedema"),
    },
    "Sulphasalazine-induced haemolytic anaemia.": {("Sulphasalazine", "haemolytic anaemia")},
    "Diarrhoea after frusemide.": {("frusemide", "Diarrhoea")},
    "Generalised rash due to rifampicin.": {("rifampicin", "Generalised rash")},
    # words the lists lack, known by their stems and endings
    "Zorvolimab caused colitis.": {("Zorvolimab", "colitis")},
    "Quelzatinib-induced ventriculitis.": {("Quelzatinib", "ventriculitis")},
    "Ambrosartan caused keratomegaly.": {("Ambrosartan", "keratomegaly")},
    # an indication can be an effect when the cue is direct
    "Tamoxifen-induced endometrial cancer.": {("Tamoxifen", "endometrial cancer")},
    "Treatment of haloperidol-induced parkinsonism.": {("haloperidol", "parkinsonism")},
    "Dapsone caused hemolysis in a patient with leprosy.": {("Dapsone", "hemolysis")},
    "A woman with epilepsy developed aplastic anemia after felbamate.": {
        ("felbamate", "aplastic anemia")
    },
}

NON_EVENTS = [
    "",
    "The patient recovered.",
    "Phenytoin was given.",
    "Fever was present on admission.",
    "Naproxen did not cause ulcers.",
    "There was no rash after ampicillin.",
    "Ondansetron was tolerated without headache.",
    "Methotrexate for the treatment of rheumatoid arthritis.",
    "Carbamazepine in patients with epilepsy.",
    "Seizures were treated with diazepam.",
    "The asthma responded to salbutamol.",
    "Prevention of migraine with propranolol.",
    "Efficacy of fluconazole in candidiasis.",
    "She had a history of hypertension treated with atenolol.",
    "Omeprazole is effective in the management of peptic ulcer.",
    "Rash was noted. Ampicillin was not available.",
]


class TestPairs:
    @pytest.mark.parametrize(("text", "expected"), EVENTS.items())
    def test_events(
        self, annotator: RulesAnnotator, text: str, expected: set[tuple[str, str]]
    ) -> None:
        assert pairs(annotator.annotate(text)) == expected

    @pytest.mark.parametrize("text", NON_EVENTS)
    def test_non_events(self, annotator: RulesAnnotator, text: str) -> None:
        assert pairs(annotator.annotate(text)) == set()

    def test_drugs_are_reported_without_an_event(self, annotator: RulesAnnotator) -> None:
        found = annotator.annotate("Warfarin was stopped and dabigatran begun.")
        assert [drug.text for drug in found.drugs] == ["Warfarin", "dabigatran"]

    def test_short_form_holds_for_the_rest_of_the_text(self, annotator: RulesAnnotator) -> None:
        text = "Cyclophosphamide (CP) was begun. CP caused cystitis."
        assert pairs(annotator.annotate(text)) == {("CP", "cystitis")}

    def test_classes_count_when_asked_for(self) -> None:
        text = "Corticosteroid-induced glaucoma."
        assert pairs(RulesAnnotator().annotate(text)) == set()
        assert pairs(RulesAnnotator(classes=True).annotate(text)) == {
            ("Corticosteroid", "glaucoma")
        }

    def test_acronym_needs_capitals(self, annotator: RulesAnnotator) -> None:
        assert not pairs(annotator.annotate("After ten days of allopurinol he left."))
        assert pairs(annotator.annotate("TEN due to allopurinol.")) == {("allopurinol", "TEN")}


class TestOffsets:
    @pytest.mark.parametrize(
        "text",
        [
            "😀 Phenytoin-induced hepatitis 😀",
            "Straße: e\u0301 phenytoin caused hepatitis",
            "\x00phenytoin\x00 caused \x00hepatitis",
            "İİİ phenytoin caused hepatitis ﬁ",
        ],
    )
    def test_point_into_the_original_text(self, annotator: RulesAnnotator, text: str) -> None:
        (pair,) = annotator.annotate(text).pairs
        for found in pair:
            assert text[found.start : found.end] == found.text
        assert [found.text.lower() for found in pair] == ["phenytoin", "hepatitis"]

    @pytest.mark.parametrize(
        "text", [" ", "\n\n\n", "-", "(", "\ud800", "ͅ", "a" * 9, "۳ ٤", "()[]"]
    )
    def test_odd_text_raises_nothing(self, annotator: RulesAnnotator, text: str) -> None:
        assert annotator.annotate(text) == Annotation((), ())


class TestTime:
    @pytest.mark.parametrize(
        "piece",
        [
            "aspirin caused rash ",
            "aspirin, ",
            "nausea, ",
            "aspirin rash, ",
            "no ",
            ". ",
            "\n ",
            "severe ",
            "after ",
            "x",
            "x-",
            "elevated serum ",
            "(",
        ],
    )
    @pytest.mark.slow
    def test_long_line_finishes(self, annotator: RulesAnnotator, piece: str) -> None:
        text = piece * (200_000 // len(piece))
        began = time.perf_counter()
        annotator.annotate(text)
        assert time.perf_counter() - began < 20  # 5 on an idle machine; room for a busy one

    def test_long_enumerations_finish(self, annotator: RulesAnnotator) -> None:
        text = "aspirin, " * 5_000 + " caused " + "rash, " * 5_000
        assert len(annotator.annotate(text).pairs) < 5_000


class TestLexicon:
    def test_is_wide(self) -> None:
        lexicon = load_lexicon()
        assert len(lexicon.drugs) >= 800
        assert len(lexicon.effects) >= 600

    @pytest.mark.parametrize(
        "name",
        [
            "drugs",
            "classes",
            "effects",
            "modifiers",
            "heads",
            "indications",
            "labs",
            "changes",
            "acronyms",
            "not_drugs",
            "not_effects",
        ],
    )
    def test_lists_are_lower_case_without_duplicates(self, name: str) -> None:
        entries = getattr(load_lexicon(), name)
        assert all(entry == entry.lower().strip() for entry in entries)
        assert len(entries) == len(set(entries))

    def test_no_name_is_both_drug_and_class(self) -> None:
        lexicon = load_lexicon()
        assert set(lexicon.drugs).isdisjoint(lexicon.classes)

    def test_cues_are_weighted_once(self) -> None:
        cues = load_lexicon().cues
        assert {cue.weight for cue in cues} == {0, 1, 2, 3}
        keys = [(cue.direction, cue.phrase) for cue in cues]
        assert len(keys) == len(set(keys))

    def test_no_affix_is_a_word_of_its_own(self) -> None:
        lexicon = load_lexicon()
        for affix in (*lexicon.stems, *lexicon.suffixes):
            assert affix.min_chars > len(affix.text), affix

    @pytest.mark.parametrize("word", ["diagnosis", "prognosis", "analysis", "basis", "dialysis"])
    def test_ordinary_words_are_no_effects(self, annotator: RulesAnnotator, word: str) -> None:
        assert not annotator.annotate(f"Aspirin caused {word}.").pairs

    @pytest.mark.parametrize("word", ["april", "imidazole", "cholesterol", "concept", "hydrazine"])
    def test_ordinary_words_are_no_drugs(self, annotator: RulesAnnotator, word: str) -> None:
        assert not annotator.annotate(f"The {word} was there.").drugs


class TestFolding:
    @pytest.mark.parametrize(
        ("british", "american"),
        [
            ("leucopenia", "leukopenia"),
            ("oesophagitis", "esophagitis"),
            ("haemorrhage", "hemorrhage"),
            ("discolouration", "discoloration"),
            ("tumour", "tumor"),
            ("sulphonamide", "sulfonamide"),
            ("generalised", "generalized"),
            ("Barré", "barre"),
        ],
    )
    def test_spellings_meet(self, british: str, american: str) -> None:
        assert fold(british) == fold(american)

    @pytest.mark.parametrize(
        ("plural", "singular"),
        [
            ("rashes", "rash"),
            ("injuries", "injury"),
            ("diagnoses", "diagnosis"),
            ("ulcers", "ulcer"),
        ],
    )
    def test_plurals(self, plural: str, singular: str) -> None:
        assert singular in singulars(plural)
