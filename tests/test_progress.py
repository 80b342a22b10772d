from tlcompare.progress import reporting


def test_a_files_name_cannot_steer_the_terminal(capsys):
    with reporting(1) as reporter:
        reporter.say("such as a\x1b]0;evil\x07b\x1b[2J.png")
    assert capsys.readouterr().err == "such as a\\x1b]0;evil\\x07b\\x1b[2J.png\n"
