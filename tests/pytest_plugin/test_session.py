"""evalkit under pytest: items, selection, exit status, outputs."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from tests.pytest_plugin.conftest import asked


def test_gates_are_tests(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("suites", "-v")
    result.assert_outcomes(passed=4, failed=2)
    result.stdout.fnmatch_lines(
        [
            "suites/capitals.eval.yaml::app/plain::exact_match >= 0.70 PASSED*",
            "suites/capitals.eval.yaml::app/plain::exact_match[[]area=europe[]] >= 0.9 PASSED*",
            "suites/capitals.eval.yaml::app/plain::token_f1 >= 0.99 FAILED*",
            "suites/capitals.eval.yaml::app/polite::exact_match >= 0.70 PASSED*",
        ]
    )
    assert result.ret == 1
    assert "Traceback" not in result.stdout.str()


def test_a_failed_gate_reports_value_interval_and_margin(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("suites", "--eval-prompt", "plain")
    result.stdout.fnmatch_lines(
        [
            "FAIL  token_f1 >= 0.99",
            "*capitals app/plain: token_f1 = 0.750 over 4 samples: >= 0.99 does not hold",
            "*margin -0.240",
            "*responses: 4 ok",
        ]
    )


def test_a_gate_covers_its_cell_whatever_tests_are_selected(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess(
        "suites", "-k", "exact_match and plain", "--eval-json", "r.json"
    )
    result.assert_outcomes(passed=2, deselected=4)
    document = json.loads(project.path.joinpath("r.json").read_text())
    (cell,) = document["cells"]
    assert (cell["prompt"], cell["n"]) == ("plain", 4)
    assert cell["scores"]["exact_match"]["value"] == 0.75
    assert len(cell["gates"]) == 3
    assert len(asked(project)) == 4


def test_markers_select(project: pytest.Pytester) -> None:
    project.makepyfile(test_unit="def test_one(): pass")
    result = project.runpytest_inprocess("-m", "not eval", "suites", "test_unit.py")
    result.assert_outcomes(passed=1, deselected=6)
    assert asked(project) == []
    strict = project.runpytest_inprocess("-m", "geo", "--strict-markers", "suites")
    strict.assert_outcomes(passed=4, failed=2)


def test_last_failed(project: pytest.Pytester) -> None:
    project.runpytest_inprocess("suites")
    result = project.runpytest_inprocess("suites", "--lf")
    result.assert_outcomes(failed=2)


def test_collect_only_sends_no_request(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("suites", "--collect-only", "-q")
    result.stdout.fnmatch_lines(["*app/plain::exact_match >= 0.70"])
    assert asked(project) == []
    assert not project.path.joinpath(".evalkit").exists()


def test_first_failure_ends_the_session(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("suites", "-x")
    result.assert_outcomes(passed=2, failed=1)


def test_an_unchanged_run_sends_no_request(project: pytest.Pytester) -> None:
    project.runpytest_inprocess("suites")
    assert len(asked(project)) == 8
    again = project.runpytest_inprocess("suites", "--eval-json", "r.json")
    again.assert_outcomes(passed=4, failed=2)
    assert len(asked(project)) == 8
    document = json.loads(project.path.joinpath("r.json").read_text())
    assert [cell["cached"] for cell in document["cells"]] == [4, 4]
    project.runpytest_inprocess("suites", "--eval-no-cache")
    assert len(asked(project)) == 16


def test_a_changed_application_is_called_again(project: pytest.Pytester) -> None:
    project.runpytest_inprocess("suites")
    app = project.path / "app.py"
    app.write_text(app.read_text().replace("Busan", "Seoul"))
    result = project.runpytest_inprocess("suites")
    result.assert_outcomes(passed=6)
    assert len(asked(project)) == 16


def test_a_changed_gate_sends_no_request(project: pytest.Pytester) -> None:
    project.runpytest_inprocess("suites")
    suite = project.path / "suites/capitals.eval.yaml"
    suite.write_text(suite.read_text().replace("token_f1 >= 0.99", "token_f1 >= 0.5"))
    project.runpytest_inprocess("suites").assert_outcomes(passed=6)
    assert len(asked(project)) == 8


def test_xdist_sends_each_request_once(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess(
        "suites", "-n", "2", "--eval-json", "r.json", "--eval-report", "r.html"
    )
    result.assert_outcomes(passed=4, failed=2)
    assert sorted(asked(project)) == sorted(set(asked(project)))
    assert len(asked(project)) == 8
    document = json.loads(project.path.joinpath("r.json").read_text())
    assert [len(cell["gates"]) for cell in document["cells"]] == [3, 3]
    assert project.path.joinpath("r.html").stat().st_size > 10_000
    result.stdout.fnmatch_lines(["*= evalkit =*"])


def test_xdist_without_cache_sends_each_request_once(project: pytest.Pytester) -> None:
    project.runpytest_subprocess("suites", "-n", "2", "--eval-no-cache").assert_outcomes(
        passed=4, failed=2
    )
    assert len(asked(project)) == 8


def test_junit(project: pytest.Pytester) -> None:
    project.runpytest_inprocess("suites", "--junitxml=j.xml")
    cases = list(ElementTree.parse(project.path / "j.xml").iter("testcase"))
    assert len(cases) == 6
    failed = next(c for c in cases if c.find("failure") is not None)
    values = {p.get("name"): p.get("value") for p in failed.iter("property")}
    assert values["value"] == "0.75"
    assert values["verdict"] == "fail"
    assert float(values["low"] or "nan") < 0.75 < float(values["high"] or "nan")


@pytest.mark.parametrize("workers", [[], ["-n", "1"]])
def test_names_with_brackets_stay_whole(project: pytest.Pytester, workers: list[str]) -> None:
    gate, check = "exact_match[area=europe] >= 0.9", "check[a[1]::b]"
    suite, app = project.path / "suites/capitals.eval.yaml", project.path / "app.py"
    text = suite.read_text().replace("id: fr", 'id: "a[1]::b"')
    suite.write_text(text + "checks: [{max_words: 0}]\n")  # none holds
    app.write_text(app.read_text().replace("Madrid", "Seville"))
    ran = project.runpytest_inprocess(
        "suites", "--eval-prompt=plain", "--junitxml=j.xml", "-q", *workers
    )
    cases = list(ElementTree.parse(project.path / "j.xml").iter("testcase"))
    assert {case.get("classname") for case in cases} == {"suites.capitals.eval.yaml.app/plain"}
    assert {gate, check, "token_f1 >= 0.99"} < {case.get("name") for case in cases}
    failed = [line for line in ran.outlines if line.startswith("FAILED ")]
    assert any(f"app/plain::{gate} - " in line + " - " for line in failed)
    assert any(f"app/plain::{check} - " in line + " - " for line in failed)
    assert len(failed) == len(cases) == 7

    app.write_text(app.read_text().replace("Seville", "Madrid"))
    fixed = project.runpytest_inprocess("suites", "--eval-prompt=plain", "--lf", "-q")
    fixed.assert_outcomes(passed=2, failed=5)
    left = project.runpytest_inprocess("suites", "--eval-prompt=plain", "--lf", "-q")
    left.assert_outcomes(failed=5, deselected=2)


def test_inconclusive(project: pytest.Pytester) -> None:
    suite = project.path / "suites/capitals.eval.yaml"
    head = suite.read_text().partition("gates:")[0]
    suite.write_text(head + "gates:\n  - {metric: exact_match, min: 0.7, confidence: 0.95}\n")
    strict = project.runpytest_inprocess("suites", "--eval-prompt", "plain")
    strict.assert_outcomes(failed=1)
    strict.stdout.fnmatch_lines(["INCONCLUSIVE  exact_match >= 0.7 at 0.95"])
    relaxed = project.runpytest_inprocess(
        "suites", "--eval-prompt", "plain", "--eval-inconclusive=warn"
    )
    # One warning is the verdict, the other that so few samples can never pass.
    relaxed.assert_outcomes(passed=1, warnings=2)
    relaxed.stdout.fnmatch_lines(["*cannot pass with 4 samples, even with a perfect score*"])
    assert relaxed.ret == 0


def test_a_cell_is_not_compared_with_itself(project: pytest.Pytester) -> None:
    suite = project.path / "suites/capitals.eval.yaml"
    head = suite.read_text().partition("gates:")[0]
    suite.write_text(head + "gates:\n  - exact_match >= app/plain + 0.02\n")
    result = project.runpytest_inprocess("suites", "-rs", "--eval-json", "run.json")
    result.assert_outcomes(failed=1, skipped=1)  # no prompt is better than itself
    result.stdout.fnmatch_lines(["SKIPPED*not applicable: app/plain is this cell itself"])
    written = json.loads((project.path / "run.json").read_text())
    assert [cell["gates"][0]["verdict"] for cell in written["cells"]] == ["none", "fail"]
    assert sum(written["verdicts"].values()) == 1
    alone = project.runpytest_inprocess("suites", "--eval-prompt", "plain")
    alone.assert_outcomes(skipped=1)
    assert alone.ret == pytest.ExitCode.TESTS_FAILED  # nothing was decided


def test_baseline(project: pytest.Pytester) -> None:
    suite = project.path / "suites/capitals.eval.yaml"
    head = suite.read_text().partition("gates:")[0]
    suite.write_text(head + "gates:\n  - exact_match >= baseline - 0.02\n")
    none = project.runpytest_inprocess("suites", "--eval-json", "base.json", "--eval-save", "v1")
    none.assert_outcomes(errors=2)
    none.stdout.fnmatch_lines(["*give one with --eval-baseline*"])
    for baseline in ("v1", "base.json"):
        same = project.runpytest_inprocess("suites", "--eval-baseline", baseline)
        same.assert_outcomes(passed=2)
    app = project.path / "app.py"
    app.write_text(app.read_text().replace("Tokyo", "Kyoto"))
    worse = project.runpytest_inprocess("suites", "--eval-baseline", "v1")
    worse.assert_outcomes(failed=2)


AGAINST = "gates:\n  - exact_match >= 0.5\n  - exact_match >= baseline - 0.02\n"


@pytest.mark.parametrize("baseline", [[], ["--eval-baseline", "v1"], ["--eval-baseline=v1.json"]])
def test_a_first_run_without_a_baseline_skips_the_gates_against_it(
    project: pytest.Pytester, baseline: list[str]
) -> None:
    suite = project.path / "suites/capitals.eval.yaml"
    suite.write_text(suite.read_text().partition("gates:")[0] + AGAINST)
    command = ["suites", "--eval-baseline-missing=skip", *baseline]
    written = ["--eval-save", "v1", "--eval-json", "v1.json", "--junitxml", "junit.xml",
               "--eval-report", "r.html", "--eval-markdown", "r.md"]  # fmt: skip
    first = project.runpytest_inprocess(*command, *written, "-rs")
    first.assert_outcomes(passed=2, skipped=2)
    first.stdout.fnmatch_lines(["no baseline yet: *; gates against it have no verdict"])
    first.stdout.fnmatch_lines(["SKIPPED [[]2[]] suites/capitals.eval.yaml:19: no baseline yet: *"])
    for name in ("junit.xml", "v1.json", "r.html", "r.md"):
        assert "no baseline yet: " in (project.path / name).read_text(), name
    assert 'skipped="2"' in (project.path / "junit.xml").read_text()
    again = project.runpytest_inprocess(*command)
    again.assert_outcomes(passed=4 if baseline else 2, skipped=0 if baseline else 2)


def test_a_baseline_model_of_another_name(project: pytest.Pytester) -> None:
    suite = project.path / "suites/capitals.eval.yaml"
    suite.write_text(suite.read_text().partition("gates:")[0] + AGAINST)
    project.makefile(".yaml", evalkit="""
        models:
          live: {backend: callable, model: "app:answer"}
          candidate: {backend: callable, model: "app:answer"}
    """)  # fmt: skip
    skip = "--eval-baseline-missing=skip"
    one = ["suites", "--eval-model", "live", skip, "--eval-json", "live.json"]
    project.runpytest_inprocess(*one).assert_outcomes(passed=2, skipped=2)
    both = ["suites", "--eval-model", "live", "--eval-model", "candidate", skip]
    project.runpytest_inprocess(*both, "--eval-json", "two.json").assert_outcomes(
        passed=4, skipped=4
    )
    candidate = ["suites", "--eval-model", "candidate", "--eval-report", "r.html"]
    fits = project.runpytest_inprocess(*candidate, "--eval-baseline", "live.json")
    fits.assert_outcomes(passed=4)
    fits.stdout.fnmatch_lines(["*candidate/plain is compared with the baseline's live/plain"])
    assert "Since the baseline" in (project.path / "r.html").read_text()
    old = project.path / "two.json"
    old.write_text(old.read_text().replace('"candidate"', '"retired"'))
    unclear = project.runpytest_inprocess(*candidate, "--eval-baseline", "two.json")
    unclear.assert_outcomes(passed=2, errors=2)
    unclear.stdout.fnmatch_lines(["*its models are live, retired*--eval-baseline-model NAME*"])
    named = ["--eval-baseline", "two.json", "--eval-baseline-model"]
    project.runpytest_inprocess(*candidate, *named, "retired").assert_outcomes(passed=4)
    unknown = project.runpytest_inprocess(*candidate, *named, "lives")
    unknown.assert_outcomes(errors=4)
    unknown.stdout.fnmatch_lines(["*unknown model 'lives'; did you mean 'live'*"])


def test_a_grown_suite_is_compared_on_shared_samples(project: pytest.Pytester) -> None:
    suite = project.path / "suites/capitals.eval.yaml"
    text = suite.read_text().partition("gates:")[0] + AGAINST
    suite.write_text(text.replace("{id: fr, ", "{id: it, question: capital of Italy, answer: "
                                  "Rome, area: europe}\n    - {id: fr, "))  # fmt: skip
    app = project.path / "app.py"
    app.write_text(app.read_text().replace('"Spain"', '"Italy": "Milan", "Spain"'))
    grown = suite.read_text()
    suite.write_text(text)
    skip = "--eval-baseline-missing=skip"
    project.runpytest_inprocess("suites", skip, "--eval-save", "v1").assert_outcomes(
        passed=2, skipped=2
    )
    suite.write_text(grown)
    result = project.runpytest_inprocess("suites", "--eval-baseline", "v1")
    result.assert_outcomes(passed=4)  # 3 of 5 over all, 3 of 4 over those of before
    told = "capitals: compared with the baseline on the 4 samples that both have; 1 is new, 0 are*"
    result.stdout.fnmatch_lines([told])


@pytest.mark.parametrize("baseline", ["v2", "none.json", "evalkit.yaml"])
def test_a_baseline_that_does_not_exist_is_a_usage_error(
    project: pytest.Pytester, baseline: str
) -> None:
    result = project.runpytest_inprocess("suites", "--eval-baseline", baseline)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *{baseline}*"])
    assert asked(project) == []


@pytest.mark.parametrize("name", ["last", "20260131-142501-3fa9c2", "", "base.json"])
def test_a_run_is_saved_only_under_a_name_that_finds_it(
    project: pytest.Pytester, name: str
) -> None:
    result = project.runpytest_inprocess("suites", f"--eval-save={name}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: a run cannot be labelled '{name}': *"])
    assert asked(project) == []


def test_the_default_model_is_reported(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    import evalkit.models.resolve

    named = project.runpytest_inprocess("suites")
    named.stdout.no_fnmatch_line("*No model was named*")
    project.path.joinpath("evalkit.yaml").unlink()
    # The real one takes a package and seconds; that it cannot be loaded is told beside it.
    monkeypatch.setitem(
        evalkit.models.resolve.registry.BUILTIN_MODELS,
        "smollm2",
        {"model": "./nowhere"},
    )
    result = project.runpytest_inprocess("suites")
    result.stdout.fnmatch_lines(
        ["No model was named: this is the built-in smollm2*--eval-model NAME*evalkit.yaml."]
    )


def test_an_incompatible_baseline(project: pytest.Pytester) -> None:
    suite = project.path / "suites/capitals.eval.yaml"
    head = suite.read_text().partition("gates:")[0]
    gate = "gates:\n  - {metric: exact_match, max_drop: 0.02, confidence: 0.95}\n"
    suite.write_text(head + gate)
    project.runpytest_inprocess("suites", "--eval-json", "base.json").assert_outcomes(errors=2)
    suite.write_text((head + gate).replace("answer: Seoul", "answer: Busan"))
    refused = project.runpytest_inprocess("suites", "--eval-baseline", "base.json")
    refused.assert_outcomes(errors=2)
    refused.stdout.fnmatch_lines(["*base.json does not match: capitals: the data have changed*"])
    allowed = project.runpytest_inprocess(
        "suites", "--eval-baseline", "base.json", "--eval-baseline-changed=allow", "-v"
    )
    assert allowed.parseoutcomes().get("errors") is None
    allowed.stdout.fnmatch_lines(["*row or target differs*"])


def test_a_model_that_fails_to_load_fails_only_its_items(
    project: pytest.Pytester,
) -> None:
    result = project.runpytest_inprocess(
        "suites", "--eval-model", "app", "--eval-model", "transformers:./nowhere"
    )
    result.assert_outcomes(passed=4, failed=2, errors=6)
    result.stdout.fnmatch_lines(["*nowhere*"])
    result.stdout.no_fnmatch_line("*nodes.py*")  # no traceback through evalkit and pytest
    result.stdout.no_fnmatch_line("*runner.py*")


def test_an_unknown_model_is_an_error_at_collection(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("suites", "--eval-model", "ap")
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*unknown model 'ap'; did you mean 'app'?*"])


def test_a_sample_in_error_is_shown_and_fails_the_gates(project: pytest.Pytester) -> None:
    suite = project.path / "suites/capitals.eval.yaml"
    suite.write_text(suite.read_text().replace("capital of Korea", "capital of Atlantis"))
    result = project.runpytest_inprocess("suites", "--eval-prompt", "plain", "--eval-json=r.json")
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["*1 of 4 samples have no answer (1 error), more than max_err*"])
    result.stdout.fnmatch_lines(["  first error: sample kr: KeyError: 'Atlantis' (in answer, *"])
    (cell,) = json.loads(project.path.joinpath("r.json").read_text())["cells"]
    assert cell["statuses"] == {"ok": 3, "error": 1}
    assert cell["scores"]["exact_match"]["n"] == 3
    suite.write_text(suite.read_text() + "max_errors: 1\n")
    allowed = project.runpytest_inprocess("suites", "--eval-prompt", "plain")
    allowed.assert_outcomes(passed=3)


def test_broken_suites_report_everything_before_any_model_loads(
    project: pytest.Pytester,
) -> None:
    project.path.joinpath("suites/capitals.eval.yaml").unlink()
    project.path.joinpath("suites/broken.eval.yaml").write_text(
        "suite: broken\n"
        "task: classification\n"
        "labels: [a, b]\n"
        "data:\n"
        "  rows: [{text: x, label: a}]\n"
        "  target: lable\n"
        "prompts:\n"
        "  plain: 'Label {{ txt }}'\n"
        "metrics: [acuracy]\n"
        "gatez: []\n"
    )
    result = project.runpytest_inprocess("suites", "--eval-model", "app")
    assert result.ret == 2
    text = result.stdout.str()
    assert "broken.eval.yaml:6: data.target: unknown column 'lable'" in text
    assert "broken.eval.yaml:8: prompts.plain" in text
    assert "txt" in text
    assert "broken.eval.yaml:9: metrics[0]: unknown metric 'acuracy'; did you mean 'accur" in text
    assert "broken.eval.yaml:10: gatez" in text
    assert asked(project) == []


def test_files_outside_the_project_are_read_only_on_request(project: pytest.Pytester) -> None:
    outside = project.path.parent / "outside.jsonl"
    outside.write_text('{"question": "capital of France", "answer": "Paris"}\n')
    project.path.joinpath("suites/capitals.eval.yaml").write_text(
        "suite: far\ntask: qa\ndata: {file: ../../outside.jsonl, target: answer}\n"
        "prompts: {plain: '{{ question }}'}\nmetrics: [exact_match]\n"
    )
    refused = project.runpytest_inprocess("suites")
    assert refused.ret == 2
    refused.stdout.fnmatch_lines(["*is outside the project*--eval-allow-outside*"])
    project.runpytest_inprocess("suites", "--eval-allow-outside").assert_outcomes(passed=1)


def test_checks_are_one_item_per_sample(project: pytest.Pytester) -> None:
    suite = project.path / "suites/capitals.eval.yaml"
    suite.write_text(suite.read_text() + "checks:\n  - max_chars: 5\n  - not_contains: Tok\n")
    result = project.runpytest_inprocess("suites", "--eval-prompt", "plain", "-v")
    result.assert_outcomes(passed=4, failed=3)
    result.stdout.fnmatch_lines(
        ["*app/plain::check[[]fr[]] PASSED*", "*app/plain::check[[]es[]] FAILED*"]
    )
    result.stdout.fnmatch_lines(["FAIL  max_chars: 5: 6 chars", "*sample es: 'Madrid'"])
    result.stdout.fnmatch_lines(["FAIL  not_contains: Tok: found at character 0"])


def test_a_cell_without_gates_still_runs(project: pytest.Pytester) -> None:
    suite = project.path / "suites/capitals.eval.yaml"
    suite.write_text(suite.read_text().partition("gates:")[0])
    result = project.runpytest_inprocess("suites", "-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*app/plain::scores PASSED*"])


def test_models_from_the_hook(project: pytest.Pytester) -> None:
    project.makeconftest(
        "def pytest_evalkit_models(config):\n    return {'mine': lambda prompt: 'Paris'}\n"
    )
    project.path.joinpath("evalkit.yaml").unlink()
    result = project.runpytest_inprocess("suites", "-v")
    result.assert_outcomes(passed=0, failed=6)
    result.stdout.fnmatch_lines(["*::mine/plain::exact_match >= 0.70 FAILED*"])


def test_fixtures(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_model(eval_model):
            assert eval_model.generate("capital of France") == "Paris"

        def test_suite(evaluate):
            run = evaluate("suites/capitals.eval.yaml", prompts=["plain"])
            scores = run.scores.set_index("score").value
            assert scores["exact_match"] == 0.75
            assert list(run.samples.id) == ["fr", "es", "jp", "kr"]
            assert not run.passed
        """
    )
    result = project.runpytest_inprocess("-v")
    result.stdout.fnmatch_lines(["*test_model[[]app[]] PASSED*", "*test_suite PASSED*"])


def test_limit_takes_a_reported_subset(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("suites", "--eval-limit=2", "--eval-json=r.json")
    document = json.loads(project.path.joinpath("r.json").read_text())
    assert [cell["n"] for cell in document["cells"]] == [2, 2]
    suite = document["suites"]["capitals"]
    assert (suite["limit"], suite["total"]) == (2, 4)
    assert result.ret in (0, 1)


def test_the_plugin_is_silent_without_suites(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_one():
            heavy = {"torch", "transformers", "pandas", "numpy", "pydantic", "yaml", "jinja2"}
            assert not heavy & set(sys.modules)
            ours = sorted(m for m in sys.modules if m.startswith("evalkit"))
            plugin = "evalkit.pytest_plugin"
            assert ours == ["evalkit", plugin, f"{plugin}.hookspecs", f"{plugin}.stash"]
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1)
    assert "evalkit" not in result.stdout.str().replace("plugins: ", "").partition("evalkit-")[2]
    assert not pytester.path.joinpath(".evalkit").exists()


def test_collecting_suites_imports_nothing_heavy(project: pytest.Pytester) -> None:
    code = (
        "import sys, pytest; pytest.main(['--collect-only', '-q', 'suites']);"
        "print('HEAVY', sorted({'torch', 'transformers', 'pandas'} & set(sys.modules)))"
    )
    done = project.run(sys.executable, "-c", code)
    done.stdout.fnmatch_lines(["HEAVY []"])


def test_wrong_options_are_usage_errors(project: pytest.Pytester) -> None:
    typo = project.runpytest_inprocess("suites", "--eval-prompt", "plane")
    assert typo.ret == pytest.ExitCode.USAGE_ERROR
    typo.stderr.fnmatch_lines(["ERROR: unknown prompt 'plane'; did you mean 'plain'?*"])
    folder = project.runpytest_inprocess("suites", "--eval-json", ".")
    assert folder.ret == pytest.ExitCode.USAGE_ERROR
    folder.stderr.fnmatch_lines(["ERROR: --eval-json *: is a folder; expected a file"])
    text = project.runpytest_inprocess("suites", "--eval-report", "x.txt")
    assert text.ret == pytest.ExitCode.USAGE_ERROR
    text.stderr.fnmatch_lines(["ERROR: --eval-report x.txt: expected * .html or .htm (*JSON*"])
    other = project.runpytest_inprocess("suites", "--eval-json", "x.html")
    other.stderr.fnmatch_lines(["ERROR: --eval-json x.html: expected a file ending in .json (*"])
    assert not list(project.path.glob("x.*"))
    none = project.runpytest_inprocess("suites", "--eval-limit", "0")
    assert none.ret == 2
    none.stdout.fnmatch_lines(["the limit of samples must be 1 or more, not 0"])
    assert asked(project) == []


def test_a_report_that_cannot_be_written_fails_the_session(project: pytest.Pytester) -> None:
    project.path.joinpath("file").write_text("")
    lost = project.runpytest_inprocess(
        "suites", "--eval-prompt=plain", "--eval-json=file/r.json", "--eval-markdown=r.md",
        "-k", "exact_match and not europe",
    )  # fmt: skip
    lost.assert_outcomes(passed=1, deselected=2)
    assert lost.ret == pytest.ExitCode.TESTS_FAILED
    lost.stdout.fnmatch_lines(["json: cannot write *r.json: *The run is kept: evalkit report *"])
    assert project.path.joinpath("r.md").exists()


def test_an_unreadable_store_is_one_error_line(project: pytest.Pytester) -> None:
    project.mkdir("broken").joinpath("store.sqlite").write_bytes(b"no database " * 100)
    told = {
        "broken": "*the run store is damaged*Move store.sqlite*away*",
        "app.py": "*cannot open the run store: *Choose another folder with*",
    }
    for folder, message in told.items():
        lost = project.runpytest_inprocess("suites", "--eval-store", folder)
        lost.assert_outcomes(errors=6)
        lost.stdout.fnmatch_lines([message])
        lost.stdout.no_fnmatch_line("*Traceback*")
        lost.stderr.no_fnmatch_line("*Traceback*")


def test_a_vanished_store_does_not_lose_the_report(project: pytest.Pytester) -> None:
    app = project.path / "app.py"
    app.write_text(
        app.read_text()
        + """
    import shutil
    shutil.rmtree(pathlib.Path(__file__).parent / ".evalkit")
""".replace("\n    ", "\n")
    )
    done = project.runpytest_inprocess("suites", "--eval-prompt=plain", "--eval-json=r.json")
    done.assert_outcomes(passed=2, failed=1)
    assert json.loads(project.path.joinpath("r.json").read_text())["cells"][0]["n"] == 4


def test_a_hook_must_return_a_dict(project: pytest.Pytester) -> None:
    project.makeconftest("def pytest_evalkit_models(config): return [print]")
    wrong = project.runpytest_inprocess("suites")
    assert wrong.ret == 2
    wrong.stdout.fnmatch_lines(["pytest_evalkit_models must return a dict by name, not a list"])


def test_a_report_elsewhere_does_not_move_the_project(
    project: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory
) -> None:
    report = tmp_path_factory.mktemp("elsewhere") / "report.html"
    for _ in range(2):  # the second time it is there, and pytest takes it for a path to collect
        result = project.runpytest_inprocess(
            "suites", "--eval-prompt", "plain", "--eval-report", str(report)
        )
        result.assert_outcomes(passed=2, failed=1)
    assert project.path.joinpath(".evalkit").is_dir()
