import contextlib
import signal
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from filelock import Timeout
from optuna.trial import TrialState

from tests.struck import free, struck
from tlcompare.errors import ConfigError, StudyError
from tlcompare.machine.signals import terminable
from tlcompare.study.objective import make_objectives
from tlcompare.study.space import Choices, Range
from tlcompare.study.studies import (
    Definition,
    Studies,
    ask,
    checked_name,
    make_sampler,
    next_number,
    put_back,
    require_separate,
    running,
    suggest,
    tell,
)

DEFINITION = Definition("mine", {"unfreeze": ["all"]}, ("mobilenet",), {}, ("val/accuracy",), (), "tpe", "off")
LR = Range(1e-5, 1e-1, log=True)


@pytest.fixture
def studies(tmp_path):
    return Studies(f"sqlite:///{tmp_path / 'optuna.db'}")


def make(studies, name=None):
    return studies.create(name, DEFINITION, make_objectives((), ()))


def test_a_study_without_a_name_gets_the_next_number(studies):
    assert [make(studies).study_name for _ in range(2)] == ["mine-1", "mine-2"]
    assert studies.definition("mine-2") == DEFINITION
    assert studies.definition("mine-3") is None


@pytest.mark.parametrize("what", ["a trial", "an attribute"])
def test_a_study_of_somebody_else_is_left_alone(studies, what):
    theirs = optuna.create_study(study_name="theirs", storage=studies.storage)
    theirs.ask() if what == "a trial" else theirs.set_user_attr("owner", "somebody")
    with pytest.raises(StudyError, match="not one of tlcompare"):
        studies.definition("theirs")


@pytest.mark.parametrize("attributes", [{}, {"id": "ours"}, {"id": "ours", "version": "1", "format": 1}])
def test_a_study_that_broke_off_before_it_was_one_is_made_anew(studies, attributes):
    half = optuna.create_study(study_name="half", storage=studies.storage, direction="maximize")
    for name, value in attributes.items():
        half.set_user_attr(name, value)
    assert studies.definition("half") is None
    assert make(studies, "half").study_name == "half"
    assert studies.definition("half") == DEFINITION


def test_the_name_comes_from_the_file(studies):
    odd = replace(DEFINITION, space_name="it's mine")
    assert studies.create(None, odd, make_objectives((), ())).study_name == "it-s-mine-1"


def test_a_parameter_is_drawn_the_same_after_a_kill_between_two(studies):
    def drawn(name, killed):
        study = make(studies, name)
        trial = ask(study, make_sampler("random", 0, 0), {})
        found = []
        for number, parameter in enumerate(("lr", "head_lr")):
            if number == killed:
                put_back(studies, running(study)[0])
                trial = ask(study, make_sampler("random", 0, 0), {})
                suggest(trial, "lr", LR)
            study.sampler = make_sampler("random", 0, 0, parameter)
            found.append(suggest(trial, parameter, LR))
        return found

    assert drawn("whole", None) == drawn("killed", 1)


def test_only_one_process_runs_a_sweep(studies):
    with (
        studies.alone("a"),
        studies.alone("b"),
        pytest.raises(StudyError, match='"a" is already running'),
        studies.alone("a"),
    ):
        pass


def test_a_lock_that_the_block_itself_waits_for_is_not_another_sweep(studies):
    with pytest.raises(Timeout), studies.alone("a"):
        raise Timeout("another lock")


def test_studies_of_the_same_name_in_other_folders_are_others(tmp_path, monkeypatch):
    ids = []
    with contextlib.ExitStack() as stack:
        for name in ("here", "there"):
            (tmp_path / name).mkdir()
            monkeypatch.chdir(tmp_path / name)
            studies = Studies("sqlite:///optuna.db")
            ids.append(make(studies, "s").user_attrs["id"])
            stack.enter_context(studies.alone("s"))
    assert ids[0] != ids[1]


def test_a_trial_that_is_put_back_is_run_again_under_its_number_with_its_parameters(studies):
    study = make(studies, "s")
    numbers = []
    for _ in range(3):
        assert next_number(study.trials) == len(numbers)
        trial = ask(study, make_sampler("random", 0, trial_number := len(numbers)), {})
        suggest(trial, "lr", LR)
        numbers.append(trial_number)
    tell(study, 0, "finished", [0.5])
    tell(study, 2, "failed", None)
    (left,) = running(study)
    put_back(studies, left)
    assert next_number(study.trials) == 1
    again = ask(study, make_sampler("random", 99, 1), {"lr": 0.1})
    assert again.number == 1
    assert suggest(again, "lr", LR) == left.params["lr"]
    tell(study, 1, "pruned", None)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]
    assert next_number(study.trials) == 3


def test_a_signal_at_any_statement_leaves_the_storage_free_for_what_follows(studies, tmp_path):
    stopped = 0
    for at in range(1, 1000):
        study = make(studies)
        try:
            with terminable(), struck(tmp_path / "optuna.db", signal.SIGTERM, at):
                trial = ask(study, make_sampler("random", 0, 0), {"lr": 0.1})
                suggest(trial, "lr", LR)
                trial.set_user_attr("key", "value")
                trial.report(0.5, 1)
                tell(study, trial.number, "finished", [0.5])
        except SystemExit:
            stopped += 1
            assert free(tmp_path / "optuna.db"), at
            for left in running(study):
                put_back(studies, left)
            assert not running(study)
        else:
            break
    assert stopped > 20


@pytest.mark.parametrize("kind", ["tpe", "random", "gp", "nsga2"])
def test_a_sampler_suggests_the_same_again(tmp_path, kind):
    def suggestions(name, reopen):
        studies = Studies(f"sqlite:///{tmp_path / name}")
        study = make(studies, "s")
        found = []
        for number in range(14):
            if reopen:
                study = Studies(f"sqlite:///{tmp_path / name}").load("s")
            trial = ask(study, make_sampler(kind, 3, number), {})
            found.append((suggest(trial, "lr", LR), suggest(trial, "snap", Choices(("layer", "block")))))
            tell(study, number, "finished", [found[-1][0]])
        return found

    once = suggestions("a.db", reopen=False)
    assert once == suggestions("b.db", reopen=True)
    assert len(set(once)) > 5


def test_parameters_that_are_known_are_taken(studies):
    study = make(studies, "s")
    trial = ask(study, make_sampler("tpe", 0, 0), {"lr": 0.001, "epochs": 4})
    assert suggest(trial, "lr", LR) == 0.001
    assert suggest(trial, "epochs", Range(2, 9, step=2, whole=True)) == 4


@pytest.mark.parametrize("url", ["nonsense", "sqlite:////no/such/folder/x.db", "mysql://me:secret@host/x", "redis://x"])
def test_a_storage_that_cannot_be_used_is_one_sentence(url):
    with pytest.raises(StudyError, match="cannot be used") as e:
        Studies(url)
    assert "secret" not in str(e.value)
    assert "\n" not in str(e.value)


def test_the_study_stays_out_of_mlflows_database():
    with pytest.raises(StudyError, match="MLflow's own database"):
        require_separate("sqlite:///mlflow.db?timeout=9", f"sqlite:///../{Path.cwd().name}/mlflow.db")
    require_separate("sqlite:///optuna.db", "sqlite:///mlflow.db")


@pytest.mark.parametrize("name", ["", "a/b", "a:b", "../x", "-a", "a b", "x" * 101, "a'b"])
def test_names_of_sweeps(name):
    with pytest.raises(ConfigError, match="no name of a sweep"):
        checked_name(name)
    assert checked_name("a-1.b_C") == "a-1.b_C"


def test_a_study_that_broke_off_with_other_objectives_is_left_alone(studies):
    optuna.create_study(study_name="half", storage=studies.storage, direction="minimize").set_user_attr("id", "ours")
    with pytest.raises(StudyError, match="for other objectives"):
        make(studies, "half")
