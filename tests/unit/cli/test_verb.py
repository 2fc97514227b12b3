"""How verbs end.

In: verbs that return, fail, or are interrupted. Out: exit statuses and the one line on the error stream; never a
traceback for what a user or a device did.
"""

import os
import signal
import threading
from contextlib import suppress

import pytest
import typer

from rigdriver.cli import main
from rigdriver.cli.verb import expect_to_go_on, undisturbed, verb
from rigdriver.errors import CameraMissing, LinkLost

WAIT_S = 60.0
"""Time limit that ends a hang and measures nothing, s."""


def exit_status(act) -> int:
    with pytest.raises(typer.Exit) as ended:
        verb(act)()
    return ended.value.exit_code


def test_the_status_of_the_verb_is_the_exit_status():
    assert exit_status(lambda: 1) == 1


def test_an_error_of_a_device_is_one_line_and_status_2(capsys):
    def act() -> int:
        raise CameraMissing("camera left_upper (SN 23A7): not found; check its cable")

    assert exit_status(act) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "error: camera left_upper (SN 23A7): not found; check its cable\n"


def test_a_full_disk_is_one_line_and_status_2(capsys):
    def act() -> int:
        raise OSError(28, "No space left on device", "out/left/000001.png")

    assert exit_status(act) == 2
    assert capsys.readouterr().err == (
        "error: out/left/000001.png: No space left on device; make room or name another folder\n"
    )


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_unwinds_the_verb_and_is_told_by_the_exit_status(number, status):
    closed = []

    def act() -> int:
        try:
            os.kill(os.getpid(), number)
            threading.Event().wait(WAIT_S)
        finally:
            closed.append(True)
        return 0

    assert exit_status(act) == status
    assert closed == [True]


def test_a_second_ctrl_c_does_not_break_the_closing():
    closed = []

    def act() -> int:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(WAIT_S)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            closed.append(True)
        return 0

    assert exit_status(act) == 130
    assert closed == [True]


def test_ctrl_c_that_somebody_swallows_still_ends_the_verb_and_tells_so():
    reached = []

    def act() -> int:
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(WAIT_S)
        expect_to_go_on()
        reached.append(True)
        return 0

    def act_without_asking() -> int:
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(WAIT_S)
        return 0

    assert exit_status(act) == 130
    assert reached == []
    assert exit_status(act_without_asking) == 130
    assert exit_status(lambda: 0) == 0


def test_ctrl_c_waits_while_it_would_be_swallowed():
    steps = []

    def act() -> int:
        with undisturbed():
            os.kill(os.getpid(), signal.SIGINT)
            steps.append("loaded")
        steps.append("went on")
        return 0

    assert exit_status(act) == 130
    assert steps == ["loaded"]


def test_a_link_that_dies_of_the_same_ctrl_c_is_no_error(capsys):
    def act() -> int:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(WAIT_S)
        except KeyboardInterrupt:
            raise LinkLost("trigger box: gone") from None
        return 0

    assert exit_status(act) == 130
    assert capsys.readouterr().err == ""


def test_signal_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    exit_status(lambda: 0)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_an_error_in_our_own_code_is_not_hidden():
    def act() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        verb(act)()


def test_ctrl_c_before_a_verb_has_begun_is_no_traceback(mocker):
    mocker.patch("rigdriver.cli.verbs.app", side_effect=KeyboardInterrupt)
    mocker.patch("signal.signal")  # the handlers of this process stay as they are
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130


def test_a_signal_that_the_program_was_started_to_ignore_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup(1) does
    try:

        def act() -> int:
            os.kill(os.getpid(), signal.SIGHUP)
            return 0

        assert exit_status(act) == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def _interrupted() -> None:
    with suppress(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(WAIT_S)


def test_a_reader_at_a_pipe_that_goes_with_the_same_ctrl_c_changes_no_exit_status(mocker):
    forgotten = mocker.patch("rigdriver.cli.verb._forget_stdout")

    def act() -> int:
        _interrupted()
        raise BrokenPipeError

    assert exit_status(act) == 130
    forgotten.assert_called_once()


def test_what_was_printed_before_a_stop_is_written_and_a_reader_that_is_gone_changes_nothing(mocker):
    forgotten = mocker.patch("rigdriver.cli.verb._forget_stdout")
    mocker.patch("sys.stdout.flush", side_effect=BrokenPipeError)

    def act() -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return threading.Event().wait(WAIT_S)

    assert exit_status(act) == 130
    forgotten.assert_called_once()
