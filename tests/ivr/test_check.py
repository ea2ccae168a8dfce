"""`huawu ivr check`: what it prints and its exit code."""

import shutil

from ivr.check import main
from tests.example_company import COMPANY


def test_the_committed_menu_is_good(capsys):
    assert main(["--company", str(COMPANY)]) == 0
    assert "the menu is good" in capsys.readouterr().out


def test_a_problem_is_printed_with_place_and_mend(tmp_path, capsys):
    company = tmp_path / "company"
    shutil.copytree(COMPANY, company, ignore=shutil.ignore_patterns("*.wav"))
    file = company / "menus" / "main.yaml"
    file.write_text(file.read_text("utf-8").replace("next: who", "next: whom"), "utf-8")
    assert main(["--company", str(company)]) == 1
    said = capsys.readouterr().err
    assert f"{file}:" in said
    assert "there is no node 'whom'" in said
    assert "mend: nodes are" in said
    assert "1 problem(s)" in said


def test_a_warning_is_printed_and_does_not_count(tmp_path, capsys):
    company = tmp_path / "company"
    shutil.copytree(COMPANY, company, ignore=shutil.ignore_patterns("*.wav"))
    file = company / "menus" / "main.yaml"
    text = file.read_text("utf-8").replace("5: complaints", "5: returns")
    file.write_text(text.replace("      complaints: complaints\n", ""), "utf-8")
    (company / "menus" / "complaints.yaml").write_text(
        "name: complaints\nstart: complaints\nlanguages: [zh-CN, en]\nnodes:\n"
        "  complaints: {kind: queue, queue: complaints}\n",
        "utf-8",
    )
    text = file.read_text("utf-8")
    start = text.index("  complaints:\n")
    file.write_text(text[:start] + text[text.index("  person:\n") :], "utf-8")
    assert main(["--company", str(company)]) == 0
    out, err = capsys.readouterr()
    assert "warning: keys 4 and 5 both lead to 'returns'" in err
    assert "warning: no caller comes to the flow 'complaints'" in err
    assert "4 flow(s)" in out
    assert "2 warning(s)" in out
